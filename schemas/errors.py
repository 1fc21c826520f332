"""One error tree. Errors that a person can fix carry an `RCD-` code, one sentence and what to do."""

from enum import IntEnum
from typing import NamedTuple


class Exit(IntEnum):
    """Exit codes of every command. `FOUND`: the command did its work, and what it checked is not in order."""

    OK = 0
    FOUND = 1
    HUMAN_STEP = 10
    CONFIGURATION = 20
    DEPENDENCY_DOWN = 30
    REFUSED = 40
    BUG = 70


class Entry(NamedTuple):
    """A row of the table of codes: what it means and what a person does."""

    title: str
    remedy: str
    exit: Exit


CODES: dict[str, Entry] = {
    "RCD-101": Entry("wal_level is not logical", "Restart PostgreSQL after ALTER SYSTEM SET wal_level = 'logical'.", Exit.HUMAN_STEP),
    "RCD-102": Entry("no free replication slot", "Free a slot or raise max_replication_slots and restart PostgreSQL.", Exit.HUMAN_STEP),
    "RCD-103": Entry("the replication slot is lost", "Messages fell into a gap; rebuild the slot and sweep.", Exit.HUMAN_STEP),
    "RCD-104": Entry("the publication cannot be created or is missing", "Run the printed SQL as the owner of \"Messages\".", Exit.HUMAN_STEP),
    "RCD-105": Entry("\"Messages\" left the publication", "Run: recado install SOURCE --apply. It publishes the table again; rows of the meantime are not captured.", Exit.HUMAN_STEP),
    "RCD-107": Entry("createdAt is not UTC", "Set the measured offset: recado source set SOURCE --created-offset-ms.", Exit.CONFIGURATION),
    "RCD-109": Entry("not enough memory or disk", "Free what the message names, or use another machine.", Exit.REFUSED),
    "RCD-110": Entry("the Whaticket database is not reachable", "Check host, port, name, user and network of the source.", Exit.DEPENDENCY_DOWN),
    "RCD-111": Entry("the Whaticket database refuses the password", "Correct the source's credentials reference.", Exit.CONFIGURATION),
    "RCD-112": Entry("the database is not a Whaticket that we know", "Compare the printed differences; use a supported flavour.", Exit.CONFIGURATION),
    "RCD-113": Entry("a role cannot be created, granted or dropped", "Run the printed SQL as an administrator of the database.", Exit.HUMAN_STEP),
    "RCD-114": Entry("the replication slot is in use", "Stop the connector first; then repeat the command.", Exit.REFUSED),
    "RCD-115": Entry("another installation is running", "Wait until it has ended; then repeat the command.", Exit.REFUSED),
    "RCD-116": Entry("a role of ours may read more than it needs", "Revoke what the message names; privileges of PUBLIC count too.", Exit.CONFIGURATION),
    "RCD-117": Entry("clocks differ", "Synchronise the clocks of both machines (NTP).", Exit.CONFIGURATION),
    "RCD-201": Entry("a topic is missing", "Run: recado install --apply (topics are never created by themselves).", Exit.DEPENDENCY_DOWN),
    "RCD-202": Entry("Kafka has no offsets for a state that has run", "Refusing to guess. Run: recado recover --from now|<time>.", Exit.REFUSED),
    "RCD-203": Entry("the connector or its task has failed", "Read the first cause; recado restarts it with back-off.", Exit.DEPENDENCY_DOWN),
    "RCD-204": Entry("changelog and input have different partition counts", "Partitions are never altered: restore the count or start a new cell.", Exit.REFUSED),
    "RCD-205": Entry("the state was written by an unknown version", "Run the release that wrote it, or a newer one.", Exit.REFUSED),
    "RCD-206": Entry("the dead-letter topic cannot be written", "Check the topic's existence, size limits and ACLs.", Exit.DEPENDENCY_DOWN),
    "RCD-207": Entry("Kafka is not reachable", "Check RECADO_KAFKA__BOOTSTRAP and the broker.", Exit.DEPENDENCY_DOWN),
    "RCD-208": Entry("Kafka Connect is not reachable", "Check RECADO_CONNECT__URL and the worker.", Exit.DEPENDENCY_DOWN),
    "RCD-209": Entry("the connector configuration was refused", "Correct what Connect's validation names.", Exit.CONFIGURATION),
    "RCD-210": Entry("a consumer group still has members", "Stop the roles (recado run) first; then repeat the command.", Exit.REFUSED),
    "RCD-211": Entry("the connector gives no sign of life", "Read the worker's log and the slot's state: recado doctor SOURCE.", Exit.DEPENDENCY_DOWN),
    "RCD-212": Entry("another process runs under the same ordinal", "Give each process of a role its own RECADO_ORDINAL, or stop the other one.", Exit.REFUSED),
    "RCD-213": Entry("the rules fail on what is in the state or the topic", "It is a bug: keep the log, run the release before, or a corrected one. Nothing is lost.", Exit.BUG),
    "RCD-214": Entry("Kafka refuses a record that is too large", "Set the topic's max.message.bytes to 1048588 or more.", Exit.REFUSED),
    "RCD-301": Entry("the WhatsApp session is down", "Reconnect the session; held notices leave by themselves.", Exit.DEPENDENCY_DOWN),
    "RCD-302": Entry("the gateway refuses the channel's credentials", "Renew the token, put it where the channel's reference points, and test: recado channel test.", Exit.CONFIGURATION),
    "RCD-303": Entry("WhatsApp restricts the sending number", "Let agents write ATIVAR to it first; the channel is paused for new contacts.", Exit.DEPENDENCY_DOWN),
    "RCD-304": Entry("a template is missing or not approved", "Have it approved with the language and the parameters that the message names, then test the channel.", Exit.CONFIGURATION),
    "RCD-305": Entry("the gateway has a webhook of somebody else", "It is not replaced. Point it to recado run hooks yourself, or go on without receipts.", Exit.HUMAN_STEP),
    "RCD-306": Entry("the channel's configuration is wrong", "Correct the channel and test it: recado channel test.", Exit.CONFIGURATION),
    "RCD-307": Entry("the gateway's address is not allowed", "Add its network to RECADO_GATEWAYS__NETWORKS and restart, or give the channel a public address.", Exit.CONFIGURATION),
    "RCD-308": Entry("this gateway leaves a contact and a ticket for every agent", "Add the channel with --accept-agent-tickets, or use a dedicated number.", Exit.REFUSED),
    "RCD-309": Entry("accepted, but the gateway reports nothing since", "Look at a phone; restart the session; see that the gateway's webhook points to recado run hooks.", Exit.DEPENDENCY_DOWN),
    "RCD-310": Entry("the gateway cannot be reached", "See that the gateway runs and that the channel's url leads to it from this machine, then test it again: recado channel test.", Exit.DEPENDENCY_DOWN),
    "RCD-311": Entry("the gateway cannot take a message now", "Wait a minute and test again. If it asks for a slower pace, see recado channel limit; else read the gateway's log.", Exit.DEPENDENCY_DOWN),
    "RCD-312": Entry("whether the message was sent cannot be told", "Look at the agent's phone. If nothing came, read the gateway's log and test again.", Exit.DEPENDENCY_DOWN),
    "RCD-401": Entry("the phone number is not valid", "Give it in international form, for example +5511987654321.", Exit.CONFIGURATION),
    "RCD-402": Entry("the phone number is not verified", "Let the agent write ATIVAR, or run: recado user verify --reason.", Exit.REFUSED),
    "RCD-403": Entry("no such source, tenant, agent or channel", "List them: recado source list, tenant list, user list or channel list.", Exit.CONFIGURATION),
    "RCD-404": Entry("it exists already, or is still in use", "Choose another name, or remove what uses it first.", Exit.REFUSED),
    "RCD-405": Entry("a name or identifier is not acceptable", "Follow the form that the message names.", Exit.CONFIGURATION),
    "RCD-406": Entry("the agent has left", "Only the agent can return, by writing ATIVAR from the phone.", Exit.REFUSED),
    "RCD-407": Entry("the tenant is not ready to notify", "Do what the message lists, then enable it again.", Exit.REFUSED),
    "RCD-408": Entry("quiet hours, a time zone or a holiday is not acceptable", "Follow the form that the message names; ranges must not overlap.", Exit.CONFIGURATION),
    "RCD-601": Entry("a setting is not valid", "Correct the named setting; see docs/settings.md.", Exit.CONFIGURATION),
    "RCD-602": Entry("a secret's reference cannot be resolved", "Give secrets as env:NAME or file:/path, and see that the process can read it.", Exit.CONFIGURATION),
    "RCD-603": Entry("a template cannot be used", "Use the placeholders that the message names; try it: recado tenant preview TENANT --template.", Exit.CONFIGURATION),
    "RCD-701": Entry("a download failed", "Check the network to your package registry and run the command again; it resumes.", Exit.DEPENDENCY_DOWN),
    "RCD-702": Entry("a downloaded file has another checksum than the lock", "The file was removed; run again. If it persists, do not trust the mirror.", Exit.REFUSED),
    "RCD-703": Entry("no usable Java", "Unset RECADO_JAVA to use the bundled one, or point it to Java 17 or newer.", Exit.CONFIGURATION),
    "RCD-704": Entry("a port is taken", "Stop the other program, or remove .recado/ports.json to choose new ports.", Exit.DEPENDENCY_DOWN),
    "RCD-705": Entry("the data folder cannot be entered by the database's user", "Set RECADO_DATA_DIR to a folder that every user may enter.", Exit.CONFIGURATION),
    "RCD-706": Entry("a part of the local stack did not start", "Read the named log file.", Exit.DEPENDENCY_DOWN),
    "RCD-707": Entry("the local stack is not running", "Start it: recado up.", Exit.DEPENDENCY_DOWN),
    "RCD-801": Entry("the recado database is not reachable", "Check RECADO_DATABASE_URL and the server.", Exit.DEPENDENCY_DOWN),
    "RCD-802": Entry("the recado database refuses the password", "Correct RECADO_DATABASE_URL.", Exit.CONFIGURATION),
    "RCD-803": Entry("the recado database lacks a migration", "Run: recado install --apply.", Exit.DEPENDENCY_DOWN),
}  # fmt: skip


class RecadoError(Exception):
    """Base of all our errors.

    Args:
        code: a key of `CODES`, or None for an error that no person can fix (a bug).
        detail: one sentence with the facts of this case; never a secret, a message text or a full number.
    """

    recoverable = False

    def __init__(self, code: str | None, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail

    @property
    def entry(self) -> Entry | None:
        """The table row of this error's code."""
        return CODES[self.code] if self.code else None

    @property
    def exit(self) -> Exit:
        """The exit code of a command that ends with this error."""
        return self.entry.exit if self.entry else Exit.BUG

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.code else self.detail


class Fatal(RecadoError):
    """Trying again changes nothing: a person has to act. The process ends with the code's exit status."""


class Recoverable(RecadoError):
    """A dependency failed; the caller retries with back-off, and loses nothing meanwhile."""

    recoverable = True


class Invalid(Fatal):
    """Bad input by a person (a command's argument, a setting, a file). Nothing was changed."""
