"""Whether a container image exists, asked of its registry and remembered.

Protocol: https://distribution.github.io/distribution/spec/api/ and
https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2
from django.conf import settings
from django.core.cache import cache

from wizard.sdl.values import Image

logger = logging.getLogger(__name__)

DAY, HOUR, MINUTE = 86_400, 3_600, 60
# A page waits for this: better no answer than a slow page.
TIMEOUT = httpx2.Timeout(2.0, connect=1.0)
MAX_TOKEN_BYTES = 65_536
DOCKER_HUB = "docker.io"
_HOSTS = {DOCKER_HUB: "https://registry-1.docker.io"}
# Where the registries above let their tokens be made, beside their own host.
_TOKEN_HOSTS = {DOCKER_HUB: ("auth.docker.io",)}
_ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_PART = re.compile(r'\b(\w+)="([^"\\]{0,500})"')
_REFERENCE = re.compile(
    r"(?P<name>[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?\Z"
)


@dataclass(frozen=True)
class _Reference:
    host: str
    name: str
    version: str


def _parse(reference: str) -> _Reference | None:
    first, slash, rest = reference.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    host, path = (first, rest) if named else (DOCKER_HUB, reference)
    match = _REFERENCE.match(path)
    if not match or not (match["tag"] or match["digest"]):
        return None
    name = match["name"]
    if host == DOCKER_HUB and "/" not in name:
        name = f"library/{name}"
    return _Reference(host, name, match["digest"] or match["tag"])


def _base(host: str) -> str:
    elsewhere = getattr(settings, "IMAGE_REGISTRY_URLS", {}).get(host)
    return (elsewhere or _HOSTS.get(host) or f"https://{host}").rstrip("/")


def _token_link(challenge: str, image: _Reference) -> tuple[str, dict[str, str]] | None:
    """Where to ask for a token; None for a place that is not the registry's own."""
    if not challenge.lower().startswith("bearer "):
        return None
    parts = dict(_PART.findall(challenge))
    realm = urlsplit(parts.get("realm", ""))
    base = urlsplit(_base(image.host))
    trusted = (base.hostname, *_TOKEN_HOSTS.get(image.host, ()))
    if realm.hostname not in trusted or realm.scheme not in ("https", base.scheme):
        return None
    asked = {"scope": f"repository:{image.name}:pull"}
    if service := parts.get("service"):
        asked["service"] = service
    return realm.geturl(), asked


def _token(client: httpx2.Client, challenge: str, image: _Reference) -> str:
    link = _token_link(challenge, image)
    if link is None:
        return ""
    answer = client.get(link[0], params=link[1])
    if answer.status_code != httpx2.codes.OK or len(answer.content) > MAX_TOKEN_BYTES:
        return ""
    body = answer.json()
    token = body.get("token") or body.get("access_token") if isinstance(body, dict) else ""
    return token if isinstance(token, str) and token.isascii() else ""


def _ask(client: httpx2.Client, image: _Reference) -> bool | None:
    """One HEAD, and a second with a token where the registry wants one."""
    link = f"{_base(image.host)}/v2/{image.name}/manifests/{image.version}"
    headers = {"Accept": _ACCEPT}
    answer = client.head(link, headers=headers)
    denied = httpx2.codes.UNAUTHORIZED
    if answer.status_code == denied:
        token = _token(client, answer.headers.get("WWW-Authenticate", ""), image)
        if not token:
            return None
        answer = client.head(link, headers=headers | {"Authorization": f"Bearer {token}"})
    if answer.status_code == httpx2.codes.OK:
        return True
    # An anonymous caller is told 401 or 403 of a repository that does not exist.
    missing = (denied, httpx2.codes.FORBIDDEN, httpx2.codes.NOT_FOUND)
    return False if answer.status_code in missing else None


def _known(image: _Reference) -> bool | None:
    try:
        with httpx2.Client(timeout=TIMEOUT, follow_redirects=False) as client:
            return _ask(client, image)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        logger.info("image registry %s: %s", image.host, type(error).__name__)
        return None


def check(reference: str) -> Image:
    """The image, and whether its registry has it. Never raises.

    An answer is kept for a day, “missing” for an hour, and no answer for a
    minute, so that a registry that is out of reach is not asked by every page.
    """
    image = _parse(reference)
    if image is None or settings.OFFLINE or not settings.CHECK_IMAGES:
        return Image(reference)
    key = f"image:{image.host}/{image.name}:{image.version}"
    kept = cache.get(key)
    if kept is not None:
        return Image(reference, kept["known"])
    known = _known(image)
    cache.set(key, {"known": known}, {True: DAY, False: HOUR, None: MINUTE}[known])
    return Image(reference, known)
