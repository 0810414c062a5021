"""Who calls: the address that limits count by, and that logs tell the hash of."""

from __future__ import annotations

import ipaddress

IPV6_PREFIX = 64
UNKNOWN = "unknown"


def caller(peer: str, forwarded: str, trusted_proxies: int) -> str:
    """The caller's address, an IPv6 one as its /64: a household or a server has all of that.

    ``forwarded`` is ``X-Forwarded-For``. Each of ``trusted_proxies`` proxies
    appends the address that it saw, so the caller's is counted from the right;
    what stands further left is anybody's word.
    """
    hops = [hop.strip() for hop in forwarded.split(",")] if forwarded else []
    told = hops[-trusted_proxies] if 0 < trusted_proxies <= len(hops) else ""
    return _network(told) or _network(peer) or UNKNOWN


def _network(text: str) -> str:
    """An address, or the network that stands for it; empty where it is none."""
    try:
        address = ipaddress.ip_address(_without_port(text))
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), IPV6_PREFIX), strict=False))


def _without_port(text: str) -> str:
    """Some proxies tell the port too: ``192.0.2.1:4711``, ``[2001:db8::1]:4711``."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, colon, _ = text.partition(":")
    return host if colon and "." in host else text.partition("%")[0]
