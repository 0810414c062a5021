"""HTTP for pulling: bounded answers, redirects followed by hand, the token kept at home."""

from __future__ import annotations

import logging
import random
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPResponse
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urljoin, urlsplit

import orjson

from inference import __version__
from inference.errors import RegistryAnswer, RegistryUnreachable
from inference.pull import places
from inference.pull.connection import FAILURES, IN_URLS, Connection
from inference.pull.limits import Limits
from inference.pull.refusals import TRANSIENT, Transient, refusal, retry_after

log = logging.getLogger(__name__)
REDIRECTS = (301, 302, 303, 307, 308)
# Bytes of a redirect's page that are read so that the connection can be used again.
SHORT_PAGE = 64 << 10
_NOT_ACCEPTED = (
    "Look whether this machine's clock is right, and whether a proxy stands between, whose own "
    "certificate SSL_CERT_FILE has to name."
)
_HEADERS = {"User-Agent": f"oneclickllm/{__version__}", "Accept": "*/*"}


@dataclass(frozen=True)
class Answer:
    """A final answer: where it came from, and the digest that a redirect on the way named."""

    response: HTTPResponse
    url: str
    linked_etag: str

    @property
    def host(self) -> str:
        return places.host_of(self.url)


class Transport:
    """One pull's HTTP client.

    ``hub`` is the Hub's base URL: a token is sent there and nowhere else, so
    that no redirect carries it away. Beside the hub and ``registry``, only
    public addresses are asked. Its calls block; ``stop`` and ``cut_overdue``
    are for other threads.
    """

    def __init__(self, hub: str, token: str, limits: Limits, registry: str = "") -> None:
        self.limits = limits
        self.is_stopped = False
        self._hub = origin(hub)
        self._named = frozenset((places.host_of(hub), places.host_of(registry)))
        self._token = token
        self._connections: list[Connection] = []
        self._changing = threading.Lock()
        self._closing = ExitStack()
        self._own = self._closing.enter_context(self.connection())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing.close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection of one's own."""
        connection = Connection(self._named, self.limits)
        with self._changing:
            self._connections.append(connection)
            if self.is_stopped:
                connection.stop()
        try:
            yield connection
        finally:
            with self._changing:
                self._connections.remove(connection)
            connection.close()

    def stop(self) -> None:
        """Let everything that is under way raise, soon."""
        with self._changing:
            self.is_stopped = True
            for connection in self._connections:
                connection.stop()

    def pause(self, seconds: float) -> None:
        """Wait. Raises Stopped."""
        self._own.sleep(seconds)

    def cut_overdue(self) -> None:
        """Give up answers that only trickle."""
        now = time.monotonic()
        with self._changing:
            for connection in self._connections:
                if connection.deadline < now:
                    connection.cut()

    def ask(
        self, connection: Connection, url: str, name: str, headers: Mapping[str, str]
    ) -> Answer:
        """The answer to a GET, redirects followed: 200 or 206, nothing else.

        Raises Transient or one of FAILURES for what may pass, an InferenceError
        for what will not.
        """
        answer = self._follow(connection, url, name, headers)
        status, found = answer.response.status, answer.response.headers
        if status in TRANSIENT:
            raise Transient(f"answer {status}", retry_after(found))
        if status >= 400:
            hub = self.is_hub(answer.url)
            raise refusal(name, status, found, hub=hub, has_token=bool(self._token))
        if status not in (200, 206):
            raise RegistryAnswer(f"{answer.host} answered {status} for {name}.")
        return answer

    def get(
        self, url: str, name: str, most: int, headers: Mapping[str, str] | None = None
    ) -> tuple[bytes, Message]:
        """A whole answer of at most ``most`` bytes with its headers, retried."""
        failures = 0
        while True:
            try:
                answer = self.ask(self._own, url, name, headers or {})
                return _bounded(answer, name, most), answer.response.headers
            except (Transient, *FAILURES) as error:
                failures += 1
                self.wait(self._own, failures, error, name)

    def get_json(self, url: str, name: str) -> tuple[Any, Message]:
        """A JSON answer with its headers, retried."""
        body, headers = self.get(url, name, self.limits.answer)
        try:
            return orjson.loads(body), headers
        except orjson.JSONDecodeError:
            raise RegistryAnswer(
                f"{places.host_of(url)} answered something that is not JSON for {name}.",
                next_step="Look whether a proxy or a sign-in page stands between.",
            ) from None

    def wait(self, connection: Connection, failures: int, error: Exception, name: str) -> None:
        """Back off after a failure. Raises RegistryUnreachable after too many in a row, and at once
        for a certificate, which in a minute would be the same.
        """
        if isinstance(error, ssl.SSLCertVerificationError):
            told = f"{name} could not be downloaded: the registry's certificate is not accepted"
            raise RegistryUnreachable(
                f"{told} ({error.verify_message}).", next_step=_NOT_ACCEPTED
            ) from error
        reason = _reason(error)
        if failures >= self.limits.attempts:
            raise RegistryUnreachable(
                f"{name} could not be downloaded after {failures} attempts: {reason}."
            ) from error
        asked = error.wait if isinstance(error, Transient) else None
        backoff = min(self.limits.longest_wait, self.limits.first_wait * 2 ** (failures - 1))
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, guards nothing
        pause = asked if asked is not None else backoff * jitter
        if not self.is_stopped:
            log.warning("%s: %s; trying again in %.1f s", name, reason, pause)
        connection.sleep(pause)

    def is_hub(self, url: str) -> bool:
        return origin(url) == self._hub

    def _follow(
        self, connection: Connection, url: str, name: str, headers: Mapping[str, str]
    ) -> Answer:
        linked = ""
        for _ in range(self.limits.redirects + 1):
            response = connection.get(url, {**_HEADERS, **headers, **self._credentials(url)})
            linked = response.headers.get("X-Linked-Etag", linked)
            if response.status not in REDIRECTS:
                return Answer(response, url, linked.strip('"'))
            if response.length is not None and response.length <= SHORT_PAGE:
                response.read()
            url = target(url, response.headers.get("Location", ""), name)
        raise RegistryAnswer(f"{name} is redirected more than {self.limits.redirects} times.")

    def _credentials(self, url: str) -> dict[str, str]:
        if not self._token or not self.is_hub(url):
            return {}
        return {"Authorization": f"Bearer {self._token}"}


def _reason(error: Exception) -> str:
    """What went wrong in words, without the system's number for it."""
    words = error.strerror if isinstance(error, OSError) else ""
    return words or str(error) or type(error).__name__


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what a token may travel to."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def target(url: str, location: str, name: str) -> str:
    """Where a redirect or a link leads, if it may. ``http.client`` reads headers as Latin-1."""
    try:
        found = urljoin(url, quote(location.encode("latin-1"), safe=IN_URLS))
        parts = urlsplit(found)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not location or not host or parts.scheme not in ("http", "https"):
        raise RegistryAnswer(f"{name} is redirected to nowhere that can be followed.")
    if url.startswith("https:") and parts.scheme != "https":
        raise RegistryAnswer(f"{name} is redirected from https to http, which is not followed.")
    return found


def _bounded(answer: Answer, name: str, most: int) -> bytes:
    body = answer.response.read(most + 1)
    if len(body) > most:
        raise RegistryAnswer(f"{answer.host} answered more than {most} bytes for {name}.")
    if answer.response.length:
        raise Transient("the connection ended early")
    return body
