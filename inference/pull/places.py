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

# What of IPv6 is given out to the internet: older Pythons do not know each network that is not.
# https://www.iana.org/assignments/ipv6-address-space
_UNICAST = ipaddress.IPv6Network("2000::/3")
# An IPv4 address as a network without IPv4 writes it: RFC 6052, section 2.1.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Global by the registry of addresses, and still a way inside or nowhere: 6to4, what clouds
# (Oracle, Azure) answer their guests on, and what is for documents.
_WAYS_INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in ("2002::/16", "192.88.99.0/24", "192.0.0.0/24", "168.63.129.16/32", "3fff::/20")
)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet."""
    found = _plain(address)
    if isinstance(found, ipaddress.IPv6Address) and found not in _UNICAST:
        return False
    is_inside = any(found in network for network in _WAYS_INSIDE)
    return found.is_global and not found.is_multicast and not is_inside


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address itself, without a zone, and the IPv4 one where it holds one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return found
    if found in _NAT64:
        return ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
    return found.ipv4_mapped or found


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
    except socket.gaierror as error:
        raise socket.gaierror(error.errno, f"{host} is not found ({error.strerror})") from None
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
