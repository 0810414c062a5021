"""Where a redirect may lead: the public internet, and the registries that were named.

A registry's answer could else make this machine ask another one beside it, or
its cloud's metadata service.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from inference.errors import RegistryAnswer

# Global by the registry of addresses, and still a way inside: NAT64, 6to4 and other
# addresses that hold an IPv4 one, and what clouds (Oracle, Azure) answer their guests on.
_WAYS_INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "2002::/16", "::/96", "192.0.0.0/24", "168.63.129.16/32")
)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet."""
    found = ipaddress.ip_address(address.partition("%")[0])
    plain = getattr(found, "ipv4_mapped", None) or found
    is_inside = any(plain in network for network in _WAYS_INSIDE)
    return plain.is_global and not plain.is_multicast and not is_inside


def host_of(url: str) -> str:
    """A URL's host in lower case, without a dot at its end."""
    return (urlsplit(url).hostname or "").lower().rstrip(".")


def addresses(host: str, port: int, named: Collection[str]) -> list[tuple[Any, ...]]:
    """Where a host is reached, as ``socket.getaddrinfo`` gives it.

    Only public addresses, but for the hosts that were ``named``: connecting to
    exactly these leaves no second look-up that could answer something else.
    However an address is spelled, what counts is what it resolves to. Raises
    RegistryAnswer, and OSError where the name is not known.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise RegistryAnswer("The registry leads to an address that cannot be read.") from None
    if host.rstrip(".") in named:
        return found
    public = [item for item in found if is_public(str(item[4][0]))]
    if not public:
        raise RegistryAnswer(f"The registry leads to {host}, which has no public address.")
    return public


def refuse_inside(host: str, named: Collection[str]) -> None:
    """Look at a host that is an address in any spelling. Raises RegistryAnswer."""
    try:
        socket.inet_aton(host)
    except (OSError, UnicodeError):
        if ":" not in host:
            return
    addresses(host, 0, named)
