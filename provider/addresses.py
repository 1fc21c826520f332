"""Which addresses a gateway may have. Public ones always; private ones only where an operator allows them.

A tenant's setting must not make the sender a way into the network it runs in (cloud metadata, Kafka Connect, the
database). So the address is judged where it is used, when the socket is made: whatever a name, an odd spelling or a
name server's second answer resolved to, nothing is connected that was not looked at.
"""

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

# Addresses that carry an IPv4 address inside: NAT64 (RFC 6052, 8215) beside what the standard library unpacks.
NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


class Forbidden(OSError):
    """An address outside the allow-list. The text is the same for all, so that several in a row stay one."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "not an address that a gateway may have")


@dataclass(frozen=True, slots=True)
class Allowed:
    """An operator's allow-list of private networks."""

    networks: tuple[IPNetwork, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Allowed":
        """Read networks and addresses parted by commas or blanks, for example `10.0.0.0/8, 192.168.1.7`.

        Raises:
            ValueError: naming the first part that is neither.
        """
        return cls(tuple(ip_network(part) for part in text.replace(",", " ").split()))

    def permits(self, address: IPAddress) -> bool:
        """Tell whether a gateway may have this address.

        An IPv6 address that carries an IPv4 address leads to that one, and is judged by it.
        """
        carried = list(_carried(address))
        if any(address in network for network in self.networks):
            return True
        if carried:
            return all(map(self.permits, carried))
        return address.is_global and not address.is_multicast

    def open(self, found: tuple[Any, ...]) -> socket.socket:
        """Make the socket for an address that was resolved, as aiohttp's `socket_factory`. Connects nothing.

        Raises:
            Forbidden: a gateway may not have this address.
        """
        family, kind, protocol, _, target = found
        try:
            address = ip_address(str(target[0]).partition("%")[0])
        except ValueError:
            raise Forbidden from None
        if not self.permits(address):
            raise Forbidden
        return socket.socket(family, kind, protocol)


LOOPBACK: Final = Allowed.parse("127.0.0.0/8 ::1")
"""For gateways on this machine: the sandbox, tests, the local stack."""


def _carried(address: IPAddress) -> Iterator[IPv4Address]:
    if isinstance(address, IPv4Address):
        return
    for found in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())):
        if found is not None:
            yield found
    compatible = int(address) >> 32 == 0 and int(address) > 1  # the old form ::a.b.c.d
    if compatible or any(address in network for network in NAT64):
        yield IPv4Address(int(address) & 0xFFFF_FFFF)
