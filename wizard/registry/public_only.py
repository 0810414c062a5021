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

# Global by the registry of addresses, and still a way inside: NAT64, 6to4 and other
# addresses that hold an IPv4 one, and what clouds (Oracle, Azure) answer their guests on.
_WAYS_INSIDE = tuple(
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "2002::/16", "::/96", "192.0.0.0/24", "168.63.129.16/32")
)
_REGISTRIES = ("HUGGING_FACE_URL", "OLLAMA_URL", "OLLAMA_REGISTRY_URL")
_CONNECTING, _CONNECTED = "connection.connect_tcp.started", "connection.connect_tcp.complete"


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet."""
    found = ipaddress.ip_address(address.partition("%")[0])
    plain = getattr(found, "ipv4_mapped", None) or found
    is_inside = any(plain in network for network in _WAYS_INSIDE)
    return plain.is_global and not plain.is_multicast and not is_inside


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
