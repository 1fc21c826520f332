// A message as a chat bubble. Text only ever enters the page as text nodes, never as markup.

const PIECES = /(https?:\/\/[^\s]+)|\*(?=\S)([^*\n]+?)\*/g;

/** Append `text` with WhatsApp's *bold* and clickable links; line breaks are kept by the style sheet. */
export function write(parent, text) {
  let end = 0;
  for (const found of text.matchAll(PIECES)) {
    parent.append(text.slice(end, found.index));
    parent.append(found[1] ? link(found[1]) : element("strong", "", found[2]));
    end = found.index + found[0].length;
  }
  parent.append(text.slice(end));
}

export function element(name, className, text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

function link(address) {
  const made = element("a", "", address);
  made.href = address;
  made.rel = "noreferrer noopener";
  made.target = "_blank";
  return made;
}

export function bubble(message, words, locale) {
  const made = element("div", message.repeated ? "bubble repeated" : "bubble");
  const text = element("p", "text");
  write(text, message.body);
  const foot = element("p", "foot");
  if (message.repeated) foot.append(element("span", "mark", words.repeatedMark));
  foot.append(element("span", "channel", message.channel), time(message.at_ms, locale), ticks());
  made.append(text, foot);
  return made;
}

function time(at, locale) {
  const when = new Date(at);
  const form = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const made = element("time", "", when.toLocaleTimeString(locale, form));
  made.dateTime = when.toISOString();
  return made;
}

function ticks() {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  made.setAttribute("viewBox", "0 0 18 12");
  made.setAttribute("class", "ticks");
  made.setAttribute("aria-hidden", "true");
  for (const d of ["m1 6.5 3.5 3.5L11 2", "m7 9 1 1 6.5-8"]) {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    line.setAttribute("d", d);
    made.append(line);
  }
  return made;
}
