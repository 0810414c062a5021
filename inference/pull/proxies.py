"""The proxy that the environment names, as curl and others read it: HTTPS_PROXY and NO_PROXY."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from inference.errors import RegistryUnreachable


@dataclass(frozen=True)
class Proxy:
    """Where a proxy listens, and the headers that it wants."""

    host: str
    port: int
    headers: Mapping[str, str]


def proxy_for(host: str) -> Proxy | None:
    """The proxy on the way to a host by https. Raises RegistryUnreachable for one of no use."""
    if "https_proxy" not in map(str.lower, os.environ):
        return None
    # Most have none, and would wait for this import at every start.
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415

    text = getproxies().get("https", "")
    if not text or proxy_bypass(host):
        return None
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme != "http" or not parts.hostname:
        raise RegistryUnreachable(
            "The proxy that HTTPS_PROXY names is not one that can be used.",
            next_step="Give one that begins with http://, or unset HTTPS_PROXY.",
        )
    return Proxy(parts.hostname, parts.port or 80, _headers(parts.username, parts.password))


def _headers(user: str | None, password: str | None) -> Mapping[str, str]:
    if not user:
        return {}
    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair).decode()}"}
