"""How each fork is asked: path, headers, body. Data and small functions; no I/O."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from provider.answers import ErrorTable
from provider.declaration import Setting
from provider.whaticket import errors

Values = Mapping[str, str]
Body = Callable[[Values, str, str, str], dict[str, Any]]
"""(settings, number as digits, text, attempt id) -> the request."""

URL: Final = Setting(
    "url",
    "Address of Whaticket's backend, for example https://api.desk.example.",
    "Endereço do backend do Whaticket, por exemplo https://api.desk.example.",
    required=True,
)
CONNECTION: Final = Setting(
    "connection",
    "Id of the connection that sends; without it the default connection does.",
    "Id da conexão que envia; sem ele, a conexão padrão.",
)
SETTINGS_TOKEN: Final = Setting(
    "token",
    "The API token of Whaticket's settings page.",
    "O token da API, na página de configurações do Whaticket.",
    required=True,
    secret=True,
)
CONNECTION_TOKEN: Final = Setting(
    "token",
    "The token that was given to the connection in its settings.",
    "O token dado à conexão, na edição da conexão.",
    required=True,
    secret=True,
)
ACCEPT: Final = Setting(
    "accept_agent_tickets",
    "Accept that this Whaticket keeps a contact and a ticket for every agent.",
    "Aceitar que este Whaticket guarde um contato e um ticket para cada atendente.",
    choices=("yes",),
)


@dataclass(frozen=True, slots=True)
class Fork:
    """One fork's send interface.

    `probe` is a request that is refused after the token was checked and before anything is sent. `marks` says
    whether a leading U+200E keeps the notice out of the fork's own tickets.
    """

    name: str
    title: str
    errors: ErrorTable
    settings: tuple[Setting, ...]
    body: Body
    probe: Mapping[str, Any]
    leaves_tickets: bool = True
    receipts: bool = False
    path: Callable[[Values], str] = lambda _: "/api/messages/send"
    headers: Callable[[Values], dict[str, str]] = lambda values: {"Authorization": f"Bearer {values['token']}"}


def _plain(_values: Values, number: str, text: str, _attempt_id: str) -> dict[str, Any]:
    return {"number": number, "body": text}


def _with_connection(values: Values, number: str, text: str, attempt_id: str) -> dict[str, Any]:
    body = _plain(values, number, text, attempt_id)
    return body | ({"whatsappId": int(values["connection"])} if values.get("connection") else {})


def _press(values: Values, number: str, text: str, attempt_id: str) -> dict[str, Any]:
    body = _with_connection(values, number, text, attempt_id) | {"userId": int(values["user_id"])}
    return body | ({"queueId": int(values["queue_id"])} if values.get("queue_id") else {})


def _izing(_values: Values, number: str, text: str, attempt_id: str) -> dict[str, Any]:
    return {"number": number, "body": text, "externalKey": attempt_id}


def _is_v1(values: Values) -> bool:
    return values.get("route") == "v1"


_NO_NUMBER: Final = {"number": "x", "body": ""}

FORKS: Final = (
    Fork(
        "ticketz",
        "ticketz",
        errors.TICKETZ,
        (URL, CONNECTION_TOKEN),
        # Never `saveOnTicket`: without it the agent stays out of contacts and tickets. Never a jid either: the
        # number's check is skipped for those, and what cannot be sent is lost without a word.
        _plain,
        {},
        leaves_tickets=False,
    ),
    Fork(
        "canove",
        "Whaticket (canove, community)",
        errors.CANOVE,
        (URL, SETTINGS_TOKEN, CONNECTION, ACCEPT),
        _with_connection,
        _NO_NUMBER,
    ),
    Fork(
        "press",
        "Press Ticket",
        errors.PRESS,
        (
            URL,
            SETTINGS_TOKEN,
            Setting(
                "user_id",
                "Id of the user to whom Press Ticket gives the tickets that sending opens.",
                "Id do usuário a quem o Press Ticket entrega os tickets que o envio abre.",
                required=True,
            ),
            Setting("queue_id", "Id of their queue.", "Id da fila deles."),
            CONNECTION,
            Setting(
                "route",
                "The API's path: api (token of the settings page) or v1 (an API token with create:messages).",
                "O caminho da API: api (token das configurações) ou v1 (token de API com create:messages).",
                default="api",
                choices=("api", "v1"),
            ),
            ACCEPT,
        ),
        _press,
        _NO_NUMBER,
        path=lambda values: "/v1/messages/send" if _is_v1(values) else "/api/messages/send",
        headers=lambda values: (
            {"x-api-token": values["token"]} if _is_v1(values) else {"Authorization": f"Bearer {values['token']}"}
        ),
    ),
    Fork(
        "izing",
        "izing",
        errors.IZING,
        (
            URL,
            Setting(
                "api_id",
                "Id of the API configuration (a UUID, in its address on the API page).",
                "Id da configuração de API (um UUID, no endereço dela na página de API).",
                required=True,
            ),
            Setting(
                "token",
                "Token of the API configuration.",
                "Token da configuração de API.",
                required=True,
                secret=True,
            ),
            Setting(
                "webhook_token",
                "The authentication token of the API configuration: izing sends it with statuses.",
                "O token de autenticação da configuração de API: o izing o envia com os status.",
                secret=True,
            ),
            ACCEPT,
        ),
        _izing,
        {},
        receipts=True,
        path=lambda values: f"/v1/api/external/{quote(values['api_id'], safe='')}",
    ),
    Fork(
        "maurilio",
        "Whaticket SaaS (maurilio)",
        errors.MAURILIO,
        (URL, CONNECTION_TOKEN, ACCEPT),
        _plain,
        {},
    ),
    Fork(
        "flavio",
        "Whaticket (flavio)",
        errors.FLAVIO,
        (URL, SETTINGS_TOKEN, CONNECTION, ACCEPT),
        _with_connection,
        _NO_NUMBER,
    ),
)
