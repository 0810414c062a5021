"""Who may call: those that send a key whose SHA-256 the server was given."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping

PROBES = frozenset({"/health", "/v1/health", "/healthz", "/readyz", "/status"})
OPEN_PATHS = PROBES | {"/"}
OPEN_FOLDER = "/static/"


def is_open(method: str, path: str) -> bool:
    """Whether a route needs no key: it tells whether the server is well, and nothing else."""
    if method == "OPTIONS":
        return True
    is_read = method in ("GET", "HEAD")
    return is_read and (path in OPEN_PATHS or path.startswith(OPEN_FOLDER))


def key_of(headers: Mapping[str, str]) -> str:
    """The key that a request brings: a bearer token, or ``x-api-key`` as Anthropic's clients."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return headers.get("x-api-key", "").strip()


def is_known(key: str, hashes: Collection[str]) -> bool:
    """Whether a key is one of those. Takes the same time for every wrong one.

    No hashes at all mean an open server.
    """
    if not hashes:
        return True
    digest = hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()
    matches = [hmac.compare_digest(digest, known) for known in hashes]
    return bool(key) and any(matches)
