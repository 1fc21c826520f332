"""Which addresses a gateway may have: the table of ways into a network that a channel's setting must not open."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from provider.addresses import LOOPBACK, Allowed, Forbidden
from provider.http import Answer, HttpClient, NotSent
from schemas.reasons import Rejection

HOME = Allowed.parse("10.0.0.0/8, 192.168.1.7 fd00::/8")


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",  # cloud metadata
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104 - the test is that it is refused
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "100.64.0.1",  # shared address space of carriers
        "192.0.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "240.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "fd00:ec2::254",  # cloud metadata, again
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::a9fe:a9fe",  # NAT64 of 169.254.169.254
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo of 127.0.0.1
        "2001:db8::1",
    ],
)
def test_only_public_addresses_are_permitted_without_an_allow_list(address: str) -> None:
    assert not Allowed().permits(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "2a03:2880:f12f:83:face:b00c:0:25de"]
)
def test_public_addresses_are_always_permitted(address: str) -> None:
    assert Allowed().permits(ip_address(address))
    assert HOME.permits(ip_address(address))


@pytest.mark.parametrize(
    ("address", "permitted"),
    [
        ("10.1.2.3", True),
        ("11.1.2.3", True),
        ("192.168.1.7", True),
        ("192.168.1.8", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("fd00::5", True),
        ("fe80::1", False),
        ("::ffff:10.1.2.3", True),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::a01:203", True),
    ],
)
def test_the_allow_list_opens_what_it_names_and_nothing_beside_it(address: str, permitted: bool) -> None:
    assert HOME.permits(ip_address(address)) is permitted


def test_a_network_that_cannot_be_read_is_refused() -> None:
    for text in ("10.0.0.0/40", "gateway", "10.0.0.1/8"):
        with pytest.raises(ValueError, match=text.partition("/")[0]):
            Allowed.parse(text)


def test_no_socket_is_made_for_a_forbidden_address() -> None:
    with pytest.raises(Forbidden):
        Allowed().open((socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1%lo", 80, 0, 0)))
    with pytest.raises(Forbidden):
        Allowed().open((socket.AF_UNIX, socket.SOCK_STREAM, 0, "", "/run/docker.sock"))


class Names(AbstractResolver):
    """A name server whose answers are in the test's hands."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        found = self.answers[min(self.asked, len(self.answers)) - 1]
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family_of(each), proto=0, flags=0)
            for each in found
        ]

    async def close(self) -> None:
        pass


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def ask(url: str, http: Callable[[], HttpClient], served: Callable[[], Awaitable[Any]] | None = None) -> Any:
    async def main() -> Any:
        client = http()
        try:
            return await client.request("GET", url, timeout_s=5)
        except NotSent as error:
            return error.code, error.kind
        finally:
            await client.close()

    return asyncio.run(main())


REFUSED = ("address_forbidden", Rejection.PERMANENT_CONFIG)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "[::]"],
)
def test_a_forbidden_address_is_not_asked_however_it_is_written(host: str) -> None:
    assert ask(f"http://{host}:9/", HttpClient) == REFUSED


@pytest.mark.parametrize("host", ["2130706433", "0177.0.0.1", "0x7f.0.0.1", "127.1", "0x7f000001", "017700000001"])
def test_an_odd_spelling_of_a_forbidden_address_is_refused_before_anything_leaves(host: str) -> None:
    code, kind = ask(f"http://{host}:9/", HttpClient)
    assert code in ("address_forbidden", "url")
    assert kind == Rejection.PERMANENT_CONFIG


def test_a_public_name_with_a_private_address_is_refused() -> None:
    names = Names(["10.0.0.1"])
    assert ask("http://gateway.example/", lambda: HttpClient(resolver=names)) == REFUSED


def test_of_several_addresses_only_the_permitted_ones_are_connected() -> None:
    names = Names(["169.254.169.254", "::1"])
    assert ask("http://gateway.example/", lambda: HttpClient(resolver=names)) == REFUSED


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    await writer.drain()
    writer.close()


def test_a_name_that_is_rebound_between_two_requests_is_looked_at_again() -> None:
    async def main() -> tuple[Answer, tuple[str, Rejection]]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        client = HttpClient(Allowed.parse("127.0.0.1/32"), names, names_s=0)
        try:
            first = await client.request("GET", f"http://gateway.example:{port}/", timeout_s=5)
            with pytest.raises(NotSent) as refusal:
                await client.request("GET", f"http://gateway.example:{port}/", timeout_s=5)
            return first, (refusal.value.code, refusal.value.kind)
        finally:
            await client.close()
            server.close()

    first, second = asyncio.run(main())
    assert (first.status, first.body) == (200, b"ok")
    assert second == REFUSED


def test_what_the_allow_list_names_is_connected() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://localhost:{closed.getsockname()[1]}/"
        assert ask(url, lambda: HttpClient(LOOPBACK)) == ("connect", Rejection.TRANSIENT)


def test_a_name_with_a_forbidden_and_a_permitted_address_leads_to_the_permitted_one() -> None:
    async def main() -> Answer:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            names = Names(["::1", "127.0.0.1"])
            client = HttpClient(Allowed.parse("127.0.0.0/8"), names)
            try:
                port = server.sockets[0].getsockname()[1]
                return await client.request("GET", f"http://gateway.example:{port}/", timeout_s=5)
            finally:
                await client.close()

    assert asyncio.run(main()).body == b"ok"
