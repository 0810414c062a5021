"""Where a registry's answer may lead: the public internet, and the registries' own hosts.

A redirect could else make this site ask a machine beside it, or its cloud's
metadata service. Every new connection to another host is looked at before it
is made, and once more by the address that it reached, so that a name which
changes in between gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from typing import Any

import httpx2
from django.conf import settings

from wizard.registry.errors import RegistryError

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
_REGISTRIES = ("HUGGING_FACE_URL", "OLLAMA_URL", "OLLAMA_REGISTRY_URL")
_CONNECTING, _CONNECTED = "connection.connect_tcp.started", "connection.connect_tcp.complete"


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet."""
    found = _plain(address)
    if isinstance(found, ipaddress.IPv6Address) and found not in _UNICAST:
        return False
    is_inside = any(found in network for network in _WAYS_INSIDE)
    return found.is_global and not found.is_multicast and not is_inside


def guard(request: httpx2.Request) -> None:
    """Let a request reach a registry that was named, or a public address over https.

    Raises RegistryError, at once or when the connection is made.
    """
    if _host(request.url) in {_host(httpx2.URL(getattr(settings, name))) for name in _REGISTRIES}:
        return
    if request.url.scheme != "https":
        raise RegistryError("The registry leads to an address without https.")
    request.extensions = {**request.extensions, "trace": _check_connection}


def _host(url: httpx2.URL) -> str:
    return url.host.lower().rstrip(".")


def _check_connection(event: str, info: Mapping[str, Any]) -> None:
    """Called by httpcore2 at each step of a request."""
    if event == _CONNECTING:
        _check_name(str(info["host"]), int(info["port"]))
    if event == _CONNECTED:
        stream = info["return_value"]
        address = stream.get_extra_info("server_addr")[0]
        if not is_public(address):
            stream.close()
            raise _refusal()


def _check_name(host: str, port: int) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpx2.ConnectError(f"{host[:200]} is no name that can be resolved.") from error
    if not all(is_public(str(entry[4][0])) for entry in found):
        raise _refusal()


def _refusal() -> RegistryError:
    return RegistryError("The registry leads to an address that is not public.")


def _plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address itself, without a zone, and the IPv4 one where it holds one."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return found
    if found in _NAT64:
        return ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
    return found.ipv4_mapped or found
