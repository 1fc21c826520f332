// The wall of phones: opens the event stream, keeps one card a phone, counts.
import { bubble } from "/page/bubble.js";
import { TEXTS } from "/page/texts.js";

const KEPT = 50; // bubbles of a phone that stay on the page
const MINUTE = 60_000;

const $ = (id) => document.getElementById(id);
const cards = new Map();
const recent = []; // arrival times of the last minute
let wall = { phones: [], messages: [], seen: 0, repeated: 0 };
let language = read("language") ?? "pt-BR";
let words = TEXTS[language] ?? TEXTS["pt-BR"];
let state = "connecting";

function read(name) {
  const asked = new URLSearchParams(location.search).get(name);
  try {
    return asked ?? localStorage.getItem(`recado.${name}`);
  } catch {
    return asked; // storage may be switched off
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(`recado.${name}`, value);
  } catch {
    // then the choice lasts as long as the page
  }
}

function hue(key) {
  let sum = 7;
  for (const char of key) sum = (sum * 33 + char.charCodeAt(0)) % 100_003;
  return (sum * 137) % 360; // neighbours get different colours
}

function initials(name, key) {
  const parts = name.split(/\s+/).filter(Boolean);
  return parts.length ? (parts[0][0] + (parts[1]?.[0] ?? "")).toUpperCase() : key.slice(-2);
}

function card(phone) {
  const made = $("phone").content.cloneNode(true).firstElementChild;
  const entry = { phone, unread: 0, made, chat: made.querySelector(".chat"), badge: made.querySelector(".badge") };
  made.style.setProperty("--hue", hue(phone.key));
  const seen = () => markRead(entry);
  made.addEventListener("pointerenter", seen);
  entry.chat.addEventListener("focus", seen);
  cards.set(phone.key, entry);
  $("wall").append(made);
  label(entry);
  return entry;
}

function label(entry) {
  const { phone, made } = entry;
  const name = phone.name || words.unnamed;
  made.querySelector("h2").textContent = name;
  made.querySelector(".who p").textContent = [phone.note, `••••-${phone.key.slice(-4)}`].filter(Boolean).join(" · ");
  made.querySelector(".avatar").textContent = initials(phone.name, phone.key);
  made.querySelector(".empty").textContent = words.empty;
  entry.chat.setAttribute("aria-label", words.chat(name));
  showUnread(entry);
}

function showUnread(entry) {
  entry.badge.hidden = entry.unread === 0;
  entry.badge.textContent = entry.unread > 99 ? "99+" : String(entry.unread);
  entry.badge.setAttribute("aria-label", words.unread(entry.unread));
  entry.made.classList.toggle("fresh", entry.unread > 0);
}

function markRead(entry) {
  entry.unread = 0;
  showUnread(entry);
}

function show(message, fresh) {
  const entry = cards.get(message.phone) ?? card({ key: message.phone, name: "", note: "", seen: 0 });
  const atEnd = entry.chat.scrollHeight - entry.chat.scrollTop - entry.chat.clientHeight < 80;
  const made = bubble(message, words, language);
  if (fresh) {
    made.classList.add("new");
    entry.unread += 1;
    entry.made.classList.remove("ring");
    void entry.made.offsetWidth; // lets the animation start anew
    entry.made.classList.add("ring");
    showUnread(entry);
  }
  entry.chat.append(made);
  entry.chat.querySelector(".empty").hidden = true;
  const bubbles = entry.chat.querySelectorAll(".bubble");
  if (bubbles.length > KEPT) bubbles[0].remove();
  if (atEnd || !fresh) entry.chat.scrollTop = entry.chat.scrollHeight;
}

function count() {
  const now = Date.now();
  while (recent.length && recent[0] < now - MINUTE) recent.shift();
  const reached = wall.phones.filter((phone) => phone.seen > 0).length;
  const format = (n) => n.toLocaleString(language);
  $("total-messages").textContent = format(wall.seen);
  $("total-phones").textContent = `${format(reached)} / ${format(wall.phones.length)}`;
  $("total-minute").textContent = format(recent.length);
  $("total-repeated").textContent = format(wall.repeated);
  $("repeated-box").classList.toggle("calm", wall.repeated === 0);
  $("nobody").hidden = wall.phones.length > 0 || state !== "live";
  document.title = wall.seen ? `(${format(wall.seen)}) ${words.title}` : words.title;
}

function draw() {
  const unread = new Map([...cards].map(([key, entry]) => [key, entry.unread]));
  cards.clear();
  $("wall").replaceChildren();
  $("wall").dataset.size = wall.phones.length > 12 ? "many" : wall.phones.length > 4 ? "some" : "few";
  for (const phone of wall.phones) card(phone);
  for (const message of wall.messages) show(message, false);
  for (const [key, entry] of cards) {
    entry.unread = unread.get(key) ?? 0;
    showUnread(entry);
  }
  count();
}

function translate() {
  words = TEXTS[language] ?? TEXTS["pt-BR"];
  document.documentElement.lang = language;
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = words[each.dataset.text];
  $("language").textContent = words.toLanguage;
  $("language").lang = language === "en" ? "pt-BR" : "en";
  status(state);
  theme(document.documentElement.dataset.theme);
  draw();
}

function status(now) {
  state = now;
  $("link").dataset.state = now;
  $("link").textContent = words[now];
}

function theme(wanted) {
  const dark = wanted ? wanted === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  $("theme").textContent = dark ? words.toLight : words.toDark;
}

$("language").addEventListener("click", () => {
  language = language === "en" ? "pt-BR" : "en";
  keep("language", language);
  translate();
});
$("theme").addEventListener("click", () => {
  const wanted = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  keep("theme", wanted);
  theme(wanted);
});

document.documentElement.dataset.theme = read("theme") ?? "";
translate();

const events = new EventSource("/events");
events.addEventListener("open", () => status("live"));
events.addEventListener("error", () => status("lost"));
events.addEventListener("wall", (event) => {
  wall = JSON.parse(event.data);
  recent.splice(0, recent.length, ...wall.messages.map((each) => each.at_ms));
  status("live");
  draw();
});
events.addEventListener("message", (event) => {
  const message = JSON.parse(event.data);
  const phone = wall.phones.find((each) => each.key === message.phone);
  if (phone) phone.seen += 1;
  else wall.phones.push({ key: message.phone, name: "", note: "", seen: 1 });
  wall.messages.push(message);
  if (wall.messages.length > KEPT * wall.phones.length) wall.messages.shift();
  wall.seen += 1;
  wall.repeated += message.repeated ? 1 : 0;
  recent.push(Date.now());
  show(message, true);
  count();
});
setInterval(count, 1_000);
