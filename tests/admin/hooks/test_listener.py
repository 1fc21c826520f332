"""The listener: whole answers to what is right, forged, replayed, reordered, oversized, unknown or not now."""

import asyncio
import gzip
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from aiohttp import ClientSession, web

from admin.hooks import listener as module
from admin.hooks.listener import MAX_BODY, Door, Listener
from admin.hooks.role import door_of
from provider.api import ChannelSettings
from provider.factory import make
from provider.twilio.callbacks import signature as signature_of
from schemas.config import ChannelConfig, Snapshot, StaticConfig, TenantConfig
from schemas.errors import Invalid, Recoverable
from schemas.records import Receipt
from tests.consumers.sender.world import START

SECRET = "s3cret-of-the-app-in-thirty-two-bytes"
PATH = "0123456789abcdef0123456789abcdef"
META = {"phone_number_id": "1", "token": "t", "app_secret": SECRET, "verify_token": "word"}
CALLBACK = "https://hooks.example/hooks/sms"
TWILIO = {"account_sid": "AC1", "token": SECRET, "sender": "+14155238886", "status_callback": CALLBACK}
EVOLUTION = {"url": "http://127.0.0.1:9", "instance": "loja", "api_key": "t", "webhook_secret": SECRET}
WAHA = {"url": "http://127.0.0.1:9", "token": "t", "webhook_key": SECRET}
Ask = Callable[..., Coroutine[Any, Any, tuple[int, str, dict[str, str]]]]


class Clock:
    def now_ms(self) -> int:
        return START


class Memory:
    """A sink that remembers, or is down."""

    def __init__(self) -> None:
        self.written: list[Receipt] = []
        self.down = False
        self.gate: asyncio.Event | None = None

    async def write(self, receipts: Sequence[Receipt]) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise Recoverable("RCD-207", "down")
        self.written.extend(receipts)


def channel(name: str, provider: str = "meta", **settings: str) -> ChannelConfig:
    return ChannelConfig(name, provider, settings or META)


CONFIG = StaticConfig(
    Snapshot(
        tenants=(
            TenantConfig("shop/1", channel_id="main"),
            TenantConfig("shop/2", channel_id="secret"),
            TenantConfig("shop/3", channel_id="quiet"),
            TenantConfig("shop/4", channel_id="plain"),
            *(TenantConfig(f"shop/{name}", channel_id=name) for name in ("sms", "evo", "waha")),
        ),
        channels=(
            channel("main"),
            channel("secret", **META, hook_secret=PATH),
            channel("plain", "sandbox", url="http://127.0.0.1:9"),
            channel("quiet", **{name: value for name, value in META.items() if name != "app_secret"}),
            channel("idle"),
            channel("sms", "twilio", **TWILIO),
            channel("evo", "evolution", **EVOLUTION),
            channel("waha", "waha", **WAHA),
            channel("broken", **META, hook_secret="file:/nowhere/at/all"),
        ),
    )
)


def body(*statuses: tuple[str, str], at: str = "1795000000", attempt: str | None = None, **more: Any) -> bytes:
    listed = [
        {"id": name, "status": status, "timestamp": at, "biz_opaque_callback_data": attempt, **more}
        for name, status in statuses
    ]
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "1"}, "statuses": listed}
    change = {"field": "messages", "value": value}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}).encode()


def signature(raw: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()}


def with_listener(
    test: Callable[[Ask, Memory], Awaitable[None]], door: Callable[[ChannelConfig], Door] = door_of
) -> None:
    """Run a test against a listener that speaks HTTP, on a free port."""

    async def run() -> None:
        sink = Memory()
        runner = web.AppRunner(Listener(lambda: CONFIG, door, sink, Clock()).app(), auto_decompress=False)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            base = f"http://127.0.0.1:{runner.addresses[0][1]}"
            async with ClientSession() as session:

                async def ask(path: str, raw: bytes = b"", method: str = "POST", **headers: str) -> Any:
                    named = {name.replace("_", "-"): value for name, value in headers.items()}
                    async with session.request(method, base + path, data=raw, headers=named) as found:
                        return found.status, await found.text(), dict(found.headers)

                await test(ask, sink)
        finally:
            await runner.cleanup()

    asyncio.run(run())


def receipt(name: str, rank: int, status: str, lane: str = "shop/1", **more: Any) -> Receipt:
    fields: dict[str, Any] = {
        "lane": lane,
        "channel_id": "main",
        "notification_id": None,
        "provider_message_id": name,
        "rank": rank,
        "status": status,
        "at_ms": 1_795_000_000_000,
    }
    return Receipt(**(fields | more))


def test_a_signed_status_is_written_before_it_is_acknowledged() -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        raw = body(("wamid.1", "sent"), ("wamid.2", "delivered"), attempt="0f" * 16)
        sink.gate = asyncio.Event()
        asked = asyncio.create_task(ask("/hooks/main", raw, **signature(raw)))
        done, _ = await asyncio.wait({asked}, timeout=0.1)
        assert not done, "nothing is acknowledged that is not written"
        sink.gate.set()
        status, text, _headers = await asked
        assert (status, text) == (200, "")
        assert sink.written == [
            receipt("wamid.1", 1, "sent", notification_id="0f" * 16),
            receipt("wamid.2", 2, "delivered", notification_id="0f" * 16),
        ]

    with_listener(test)


def test_a_failure_carries_its_meaning() -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        raw = body(("wamid.1", "failed"), errors=[{"code": 131026, "title": "x", "message": "x"}])
        assert (await ask("/hooks/main", raw, **signature(raw)))[0] == 200
        assert sink.written == [receipt("wamid.1", -1, "failed", code="131026", kind="permanent_recipient")]

    with_listener(test)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256=" + "0" * 64},
        {"X-Hub-Signature-256": "sha256=ÿ"},
        signature(b"something else"),
        signature(body(("wamid.1", "sent")), "another secret"),
    ],
)
def test_a_forged_one_is_refused(headers: dict[str, str]) -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        found = await ask("/hooks/main", body(("wamid.1", "sent")), **headers)
        assert (found[0], found[1], sink.written) == (403, "", [])

    with_listener(test)


def test_a_replayed_one_is_acknowledged_and_changes_nothing() -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        raw = body(("wamid.1", "sent"))
        for _ in range(3):
            assert (await ask("/hooks/main", raw, **signature(raw)))[0] == 200
        assert sink.written == [receipt("wamid.1", 1, "sent")]

    with_listener(test)


def test_reordered_ones_only_rise() -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        for word in ("read", "sent", "delivered", "failed"):
            raw = body(("wamid.1", word))
            assert (await ask("/hooks/main", raw, **signature(raw)))[0] == 200
        assert [found.status for found in sink.written] == ["read", "failed"]

    with_listener(test)


def test_an_oversized_one_is_refused_before_its_signature_is_computed() -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        raw = body(("wamid.1", "sent")).ljust(MAX_BODY)
        assert (await ask("/hooks/main", raw, **signature(raw)))[0] == 200
        raw = b" " * (MAX_BODY + 1)
        assert (await ask("/hooks/main", raw, **signature(raw)))[:2] == (413, "")
        assert len(sink.written) == 1

    with_listener(test)


def test_nothing_is_inflated() -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        raw = gzip.compress(b" " * 50_000_000)
        found = await ask("/hooks/main", raw, Content_Encoding="gzip", **signature(raw))
        assert (found[0], found[1], sink.written) == (403, "", [])

    with_listener(test)


@pytest.mark.parametrize(
    "path",
    [
        "/hooks/nothing",
        "/hooks/plain",  # its gateway reports nothing
        "/hooks/quiet",  # no secret: nobody could prove anything
        f"/hooks/main/{PATH}",  # it has no secret part
        "/hooks/secret",
        "/hooks/secret/" + "0" * 32,
        f"/hooks/secret/{PATH}/more",
        "/",
        "/metrics",
        "/hooks",
    ],
)
def test_what_is_not_there_and_what_may_not_be_entered_look_the_same(path: str) -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        raw = body(("wamid.1", "sent"))
        found = await ask(path, raw, **signature(raw))
        assert (found[0], sink.written) == (404, [])

    with_listener(test)


def test_the_secret_part_is_needed_beside_the_signature() -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        raw = body(("wamid.1", "sent"))
        assert (await ask(f"/hooks/secret/{PATH}", raw))[0] == 403
        assert (await ask(f"/hooks/secret/{PATH}", raw, **signature(raw)))[0] == 200
        assert sink.written == [receipt("wamid.1", 1, "sent", "shop/2", channel_id="secret")]

    with_listener(test)


def test_an_unsigned_gateway_comes_in_by_its_secret_part_alone() -> None:
    def unsigned(found: ChannelConfig) -> Door:
        made = make(ChannelSettings(found.channel_id, found.provider, found.settings))
        return Door(made, signs=False, secret=PATH if found.channel_id == "main" else "")

    async def test(ask: Ask, sink: Memory) -> None:
        raw = body(("wamid.1", "sent"))
        assert (await ask("/hooks/idle", raw, **signature(raw)))[0] == 404, "neither signed nor secret"
        assert (await ask("/hooks/main", raw, **signature(raw)))[0] == 404
        assert (await ask(f"/hooks/main/{PATH}", raw, **signature(raw)))[0] == 200
        assert sink.written == [receipt("wamid.1", 1, "sent")]

    with_listener(test, unsigned)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_a_wrong_method_is_told_the_right_one(method: str) -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        status, text, headers = await ask("/hooks/main", method=method)
        assert (status, text, headers["Allow"], sink.written) == (405, "", "POST", [])

    with_listener(test)


def test_the_handshake_echoes_the_challenge_to_who_knows_the_word() -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        query = "?hub.mode=subscribe&hub.challenge=31415&hub.verify_token="
        assert (await ask(f"/hooks/main{query}word", method="GET"))[:2] == (200, "31415")
        assert (await ask(f"/hooks/main{query}another", method="GET"))[:2] == (403, "")
        assert (await ask("/hooks/main", method="GET"))[:2] == (403, "")

    with_listener(test)


def test_while_kafka_is_down_the_gateway_is_told_to_come_again_and_nothing_is_taken_for_known() -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        raw = body(("wamid.1", "sent"))
        sink.down = True
        status, text, headers = await ask("/hooks/main", raw, **signature(raw))
        assert (status, text, headers["Retry-After"]) == (503, "", "5")
        sink.down = False
        assert (await ask("/hooks/main", raw, **signature(raw)))[0] == 200
        assert sink.written == [receipt("wamid.1", 1, "sent")]

    with_listener(test)


def test_a_channel_whose_secret_cannot_be_read_asks_for_patience() -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        status, _, headers = await ask("/hooks/broken", b"{}")
        assert (status, headers["Retry-After"], sink.written) == (503, "5", [])

    with_listener(test)


def test_a_channel_that_no_tenant_uses_is_acknowledged_for_nothing() -> None:
    async def test(ask: Ask, sink: Memory) -> None:
        raw = body(("wamid.1", "sent"))
        assert (await ask("/hooks/idle", raw, **signature(raw)))[:2] == (200, "")
        assert sink.written == []

    with_listener(test)


def test_a_crowd_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 1)

    async def test(ask: Ask, sink: Memory) -> None:
        sink.gate = asyncio.Event()
        raw, other = body(("wamid.1", "sent")), body(("wamid.2", "sent"))
        first = asyncio.create_task(ask("/hooks/main", raw, **signature(raw)))
        await asyncio.wait({first}, timeout=0.1)
        assert (await ask("/hooks/main", other, **signature(other)))[0] == 503
        sink.gate.set()
        assert (await first)[0] == 200
        assert (await ask("/hooks/main", other, **signature(other)))[0] == 200

    with_listener(test)


def test_who_dawdles_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_S", 0.05)

    async def test(ask: Ask, sink: Memory) -> None:
        async def drip() -> Any:
            yield b"{"
            await asyncio.sleep(1)
            yield b"}"

        assert (await ask("/hooks/main", drip()))[0] == 408
        assert sink.written == []

    with_listener(test)


def test_a_secret_part_that_can_be_guessed_opens_no_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORT", "0123456789abcdef01234")
    with pytest.raises(Invalid) as refused:
        door_of(channel("main", **META, hook_secret="env:SHORT"))
    assert refused.value.code == "RCD-306"
    assert "at random" in refused.value.detail


def test_twilios_callback_names_the_attempt_in_its_signed_address() -> None:
    fields = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    raw = urlencode(fields).encode()
    parameters = {name: [value] for name, value in fields.items()}
    attempt = "0f" * 16
    good = signature_of(f"{CALLBACK}?attempt={attempt}", parameters, SECRET)

    async def test(ask: Ask, sink: Memory) -> None:
        form = {"Content_Type": "application/x-www-form-urlencoded", "X_Twilio_Signature": good}
        assert (await ask(f"/hooks/sms?attempt={'0' * 32}", raw, **form))[0] == 403
        lied = {**form, "Recado_Query": f"attempt={attempt}"}
        assert (await ask(f"/hooks/sms?attempt={'0' * 32}", raw, **lied))[0] == 403, "only the address counts"
        assert (await ask(f"/hooks/sms?attempt={attempt}", raw, **form))[:2] == (200, "")
        (found,) = sink.written
        assert (found.lane, found.notification_id, found.rank) == ("shop/sms", attempt, 2)

    with_listener(test)


def test_evolutions_token_runs_out() -> None:
    told = {"keyId": "3EB0", "status": "SERVER_ACK", "fromMe": True, "remoteJid": "5511@s.whatsapp.net"}
    raw = json.dumps({"event": "messages.update", "instance": "loja", "data": told}).encode()

    def token(issued_s: int, key: str = SECRET) -> dict[str, str]:
        claims = {"iat": issued_s, "exp": issued_s + 600, "app": "evolution", "action": "webhook"}
        return {"Authorization": "Bearer " + jwt.encode(claims, key, "HS256")}

    async def test(ask: Ask, sink: Memory) -> None:
        now_s = int(time.time())
        assert (await ask("/hooks/evo", raw, **token(now_s - 3_600)))[0] == 403
        assert (await ask("/hooks/evo", raw, **token(now_s, "another secret")))[0] == 403
        assert (await ask("/hooks/evo", raw))[0] == 403
        assert (await ask("/hooks/evo", raw, **token(now_s)))[0] == 200
        assert [(each.lane, each.provider_message_id, each.rank) for each in sink.written] == [
            ("shop/evo", "3EB0", 1)
        ]

    with_listener(test)


def test_wahas_body_is_signed() -> None:
    ack = {"id": "true_5511@c.us_3EB0", "ack": 2, "ackName": "DEVICE", "fromMe": True}
    raw = json.dumps({"event": "message.ack", "session": "default", "payload": ack}).encode()

    def signed(key: str) -> dict[str, str]:
        digest = hmac.new(key.encode(), raw, hashlib.sha512).hexdigest()
        return {"X_Webhook_Hmac": digest, "X_Webhook_Hmac_Algorithm": "sha512"}

    async def test(ask: Ask, sink: Memory) -> None:
        assert (await ask("/hooks/waha", raw, **signed("another key")))[0] == 403
        assert (await ask("/hooks/waha", raw, **signed(SECRET)))[0] == 200
        assert [(each.lane, each.rank) for each in sink.written] == [("shop/waha", 2)]

    with_listener(test)
