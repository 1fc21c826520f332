"""The provider for an Apprise API server: the door to Telegram, e-mail, ntfy and a hundred others.

Agents stay known by their numbers. Either each number is a tag of a configuration that is stored in the server, or
it stands in the services' addresses themselves. The server sends to all of them before it answers, and its answer
is one word for all: so "not all could be notified" leaves open whether one was.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from provider.answers import UNKNOWN, ErrorTable, Row, Said, decode, example
from provider.api import Abilities, Accepted, Address, ChannelSettings, Health, ReceiptEvent, Rendered, Result
from provider.declaration import Declaration, Setting, base_url, refused
from provider.endpoint import Endpoint
from provider.http import Answer, HttpClient
from schemas.reasons import Rejection

NUMBER: Final = "{number}"
"""Stands for the agent's number (digits) in addresses and tags."""
KEY: Final = re.compile(r"[\w-]{1,128}", re.ASCII)


class _Taken(msgspec.Struct):
    """A success says with a null that there was no error; without that it is somebody else's answer."""

    error: None


class _Refusal(msgspec.Struct):
    """`details` is the server's log of this request, its form as the release likes: here lines of three words."""

    error: str
    details: Any = None


class _Storage(msgspec.Struct):
    details: list[str] = []


class _Status(msgspec.Struct):
    status: _Storage


class AppriseApi:
    """A stored configuration of an Apprise API server, or addresses that it is given with each message.

    Args:
        settings: see `DECLARATION`.
        http: the pool to use; it connects to the server only, and the server to the services.

    Raises:
        Invalid: RCD-306, the settings name neither or both, or nothing in them tells one agent from another.
    """

    abilities = Abilities()

    def __init__(self, settings: ChannelSettings, http: HttpClient) -> None:
        self._settings = settings
        self._urls = settings.values.get("urls", "").strip()
        self._key = settings.values.get("key", "").strip()
        self._tag = DECLARATION.value(settings, "tag")
        if bool(self._urls) == bool(self._key):
            raise refused(settings, "either 'urls' or 'key' is needed, and not both")
        if self._key and not KEY.fullmatch(self._key):
            raise refused(settings, "'key' must be 1 to 128 letters, digits, - or _")
        if NUMBER not in (self._urls or self._tag):
            detail = f"{'urls' if self._urls else 'tag'!r} must contain {NUMBER}: else each agent gets all notices"
            raise refused(settings, detail)
        self._endpoint = Endpoint(http, base_url(settings), {"Accept": "application/json"} | self._credentials())

    async def send(self, message: Rendered, to: Address, attempt_id: str, timeout_s: float) -> Result:
        """Send once; see `provider.api.Provider.send`. The attempt's id stands for the message's."""
        body = {"body": message.body, "type": "info", "format": "text"}
        if self._key:
            path, body["tag"] = f"/notify/{self._key}", self._tag.replace(NUMBER, to.digits)
        else:
            path, body["urls"] = "/notify", self._urls.replace(NUMBER, to.digits)
        return await self._endpoint.send(path, timeout_s, ERRORS, attempt_id, json=body)

    async def health(self) -> Health:
        """Ask whether the server is well; it cannot tell whether its services are."""
        found = await self._endpoint.look("/status", _Status)
        if isinstance(found, Health):
            return found
        return Health(
            ok=True, detail="the server answers; whether its services work only shows when something is sent"
        )

    async def exists(self, number: str) -> Address | None:
        """Not offered: the server knows addresses of services, not numbers."""
        message = "Apprise cannot look numbers up"
        raise NotImplementedError(message)

    def parse_receipt(self, headers: Mapping[str, str], raw: bytes) -> list[ReceiptEvent]:
        """Refuse everything: the server's webhook names no message.

        Raises:
            Invalid: RCD-306, always.
        """
        del headers, raw
        raise refused(self._settings, "Apprise reports no delivery")

    def _credentials(self) -> dict[str, str]:
        user, password = (self._settings.values.get(name, "").strip() for name in ("user", "password"))
        if not password:
            return {}
        return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def _accepted(answer: Answer) -> Accepted | None:
    return Accepted("", answer.status) if decode(answer.body, _Taken) is not None and answer.status == 200 else None


def _read(answer: Answer) -> Said | None:
    refusal = decode(answer.body, _Refusal)
    if refusal is not None:
        return Said(text=f"{refusal.error}\n{refusal.details or ''}")
    # What only this server means by them is not made another thing by a body in another form, or by none.
    return Said() if answer.status in (204, 424) else None


def _says(status: int, error: str, *log: str) -> Answer:
    details = {"details": [["WARNING", "2026-11-22 12:00:00,000", line] for line in log]} if log else {}
    return example(status, {"error": error} | details)


NOT_ALL: Final = "One or more notification could not be sent"

ERRORS: Final = ErrorTable(
    "apprise",
    _accepted,
    _read,
    (
        Row(
            Rejection.PERMANENT_CONFIG,
            "account",
            "not_configured",
            statuses=(204,),
            examples=(Answer(204),),
        ),
        Row(
            Rejection.PERMANENT_CONFIG,
            "account",
            "denied",
            statuses=(401, 403),
            examples=(
                _says(401, "Access Denied"),
                _says(403, "The site has been configured to deny this request"),
                _says(403, "This configuration has been disabled by an administrator"),
                _says(403, "Persistent configuration storage is disabled"),
            ),
        ),
        # The tag selects nothing in the stored configuration: this agent has no service there, others may.
        Row(
            Rejection.PERMANENT_RECIPIENT,
            "recipient",
            "no_service",
            statuses=(424,),
            text=r"there are no service\(s\) to notify",
            examples=(_says(424, NOT_ALL, "There are no service(s) to notify"),),
        ),
        Row(
            UNKNOWN,
            "sender",
            "not_all_notified",
            statuses=(424,),
            examples=(
                _says(424, NOT_ALL),
                _says(424, "One or more notifications could not be sent"),
                _says(424, NOT_ALL, "Sent Telegram notification.", "Failed to send e-mail notification."),
                example(424, {"error": NOT_ALL, "details": "a log of another form"}),
                example(424, b"One or more notification could not be sent"),
            ),
        ),
        Row(
            Rejection.PERMANENT_CONFIG,
            "account",
            "key_or_tag",
            statuses=(400,),
            text=r"configuration id|config-id|tag other than 'all'|tag definition|urls field",
            examples=(
                _says(400, "A configuration ID is required (URL path or X-Apprise-Config-ID header)"),
                _says(400, "The X-Apprise-Config-ID header provided is invalid"),
                _says(400, "A specific tag other than 'all' is required for this configuration"),
                _says(400, "Unsupported characters found in tag definition"),
                _says(400, "The urls field must be a string or list of strings"),
            ),
        ),
        Row(
            Rejection.PERMANENT_PAYLOAD,
            "recipient",
            "payload",
            statuses=(400, 431),
            examples=(
                _says(400, "Payload lacks minimum requirements"),
                _says(400, "Invalid JSON Payload provided"),
                _says(431, "JSON Payload provided is too large"),
            ),
        ),
        Row(
            Rejection.PERMANENT_CONFIG,
            "gateway",
            "recursion",
            statuses=(406,),
            examples=(_says(406, "The recursion limit has been reached"),),
        ),
        # Said before the server has looked at any service. Other errors of its own come while it notifies.
        Row(
            Rejection.TRANSIENT,
            "gateway",
            "storage",
            statuses=(500,),
            text="accessing configuration",
            examples=(_says(500, "An error occurred accessing configuration"),),
        ),
        Row(UNKNOWN, "gateway", "server_error", statuses=(500,), examples=(_says(500, "Internal error"),)),
    ),
    names_messages=False,
)

DECLARATION: Final = Declaration(
    "apprise",
    "Apprise",
    AppriseApi,
    (
        Setting(
            "url",
            "Address of the Apprise API server, for example http://10.0.0.5:8000.",
            "Endereço do servidor Apprise API, por exemplo http://10.0.0.5:8000.",
            required=True,
        ),
        Setting(
            "key",
            "Key (configuration ID) of the services that are stored in the server; instead of urls.",
            "Chave (ID da configuração) dos serviços guardados no servidor; em vez de urls.",
            secret=True,
        ),
        Setting(
            "tag",
            "With key: which of its services; {number} stands for the agent's number, digits only.",
            "Com key: quais dos seus serviços; {number} é o número do atendente, só dígitos.",
            default=NUMBER,
        ),
        Setting(
            "urls",
            "Apprise addresses with {number} in them, for example ntfys://ntfy.example/agent-{number}.",
            "Endereços do Apprise com {number}, por exemplo ntfys://ntfy.example/agent-{number}.",
            secret=True,
        ),
        Setting(
            "user",
            "User name, where the server or a proxy before it asks for one.",
            "Nome de usuário, se o servidor ou um proxy à frente dele pedir.",
        ),
        Setting(
            "password",
            "Password of that user.",
            "Senha desse usuário.",
            secret=True,
        ),
    ),
    AppriseApi.abilities,
    (ERRORS,),
)
