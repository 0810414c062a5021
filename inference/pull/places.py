"""Where a redirect may lead: the public internet, and the registries that were named.

A registry's answer could else make this machine ask another one beside it, or
its cloud's metadata service.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

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


def checked(url: str, named: Collection[str]) -> URL:
    """The URL to ask, of a registry that was named or a public address.

    What counts is the host as it will be asked: full-width digits and the like
    are an address once they are normalised. Names are looked at when they are
    resolved: see :class:`PublicOnly`. Raises RegistryAnswer.
    """
    try:
        target = URL(url, encoded=url.isascii() and " " not in url)
        host = (target.host or "").lower().rstrip(".")
    except ValueError:
        raise RegistryAnswer("The registry leads to an address that cannot be read.") from None
    if host not in named and _is_inside(host):
        raise RegistryAnswer(f"The registry leads to {host}, which is no public address.")
    return target


class PublicOnly(AbstractResolver):
    """Resolves names to public addresses only, but for the hosts that were ``named``."""

    def __init__(self, named: Collection[str]) -> None:
        self._named = named
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if host.lower().rstrip(".") in self._named:
            return found
        public = [item for item in found if is_public(item["host"])]
        if not public:
            raise RegistryAnswer(f"The registry leads to {host}, which has no public address.")
        return public

    async def close(self) -> None:
        await self._inner.close()


def _is_inside(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return False
