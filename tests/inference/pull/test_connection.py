"""One connection: kept, trusted, led through a proxy, and let go of when it is told to."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from inference.errors import RegistryAnswer, RegistryUnreachable
from inference.pull import connection as connections
from inference.pull.connection import FAILURES, Connection
from inference.pull.stopping import Stopped
from inference.pull.tasks import pull
from inference.settings import load
from tests.inference.pull.conftest import QUICK
from tests.standins.proxy import Proxy
from tests.standins.server import Reply, Sparse, StandIn, text
from tests.standins.silent import Silent
from tests.standins.tls import certificate, server_context

HERE = frozenset({"127.0.0.1"})
PROXIES = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY")


class Counting(StandIn):
    """Counts the connections that came in; over TLS where it is told to."""

    def __init__(self, *, tls: bool = False) -> None:
        super().__init__()
        self.count_opened = 0
        if tls:
            self._server.socket = server_context().wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.route("GET", "/hello", text("hello"))

    @property
    def secure_url(self) -> str:
        return self.url.replace("http:", "https:")

    def opened(self, connection: socket.socket) -> None:
        self.count_opened += 1
        super().opened(connection)


@dataclass(frozen=True)
class Stalling(Sparse):
    """Sends its head, and then nothing."""

    until: threading.Event

    def read(self, _start: int, _stop: int) -> Iterator[bytes]:
        yield self.head
        self.until.wait(600)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    connections._tls.cache_clear()
    yield
    connections._tls.cache_clear()


@pytest.fixture
def connection() -> Iterator[Connection]:
    each = Connection(HERE, QUICK)
    yield each
    each.close()


@pytest.fixture
def server() -> Iterator[Counting]:
    with Counting() as running:
        yield running


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate()))
    with Counting(tls=True) as running:
        yield running


def _received(connection: Connection, count: int) -> bytes:
    memory = memoryview(bytearray(count))
    return bytes(memory[: connection.receive(memory)])


def test_it_works(connection: Connection, server: Counting) -> None:
    for _ in range(3):
        assert connection.get(f"{server.url}/hello", {}).status == 200
        assert _received(connection, 3) == b"hel"
        assert _received(connection, 3) == b"lo"
        assert _received(connection, 3) == b""
    assert server.count_opened == 1


@pytest.mark.parametrize("tls", [False, True])
def test_a_fast_line_is_gathered_to_the_end_of_each_answer(
    connection: Connection,
    server: Counting,
    secure: Counting,
    monkeypatch: pytest.MonkeyPatch,
    tls: bool,
) -> None:
    monkeypatch.setattr(connections, "FAST", 0)
    asked, data = (secure if tls else server), os.urandom(3 * connections.GATHERED + 1)
    asked.route("GET", "/large", Reply(200, data))
    for _ in range(2):
        connection.get(f"{asked.secure_url if tls else asked.url}/large", {})
        parts = [_received(connection, connections.GATHERED // 2) for _ in range(7)]
        assert b"".join(parts) == data
    assert asked.count_opened == 1


@pytest.mark.parametrize("path", ["/a é?x=ü", "/a%20%C3%A9?x=%C3%BC"])
def test_what_no_url_may_hold_is_escaped(
    connection: Connection, server: Counting, path: str
) -> None:
    server.route("GET", "/a é", text("hello"))
    assert connection.get(server.url + path, {}).status == 200
    assert server.requests[-1].first("x") == "ü"


def test_a_certificate_that_is_not_accepted_is_told_at_once(tmp_path: Path) -> None:
    """As where it has expired, the clock stands at 1970, or a proxy puts its own in between."""
    with Counting(tls=True) as running:
        environ = {"HUGGING_FACE_URL": running.secure_url, "MODELS_DIR": str(tmp_path)}
        told = load(["--model", "hf.co/user/repo"], environ, serving=False)
        with pytest.raises(RegistryUnreachable, match="self-signed") as caught:
            asyncio.run(pull(told.models[0], told, limits=QUICK))
    assert "clock" in caught.value.next_step
    assert "SSL_CERT_FILE" in caught.value.next_step
    assert running.count_opened == 1


def test_an_answer_that_was_not_read_costs_the_connection(
    connection: Connection, server: Counting
) -> None:
    connection.get(f"{server.url}/hello", {})
    connection.get(f"{server.url}/hello", {})
    assert _received(connection, 9) == b"hello"
    assert server.count_opened == 2


def test_a_kept_connection_that_the_server_closed_is_opened_anew(
    connection: Connection, server: Counting
) -> None:
    connection.get(f"{server.url}/hello", {})
    _received(connection, 9)
    server.drop("/hello", times=1)
    assert connection.get(f"{server.url}/hello", {}).status == 200
    assert server.count_opened == 2


def test_a_new_connection_that_the_server_closes_is_a_failure(
    connection: Connection, server: Counting
) -> None:
    server.drop("/hello")
    with pytest.raises(FAILURES):
        connection.get(f"{server.url}/hello", {})
    assert server.count_opened == 1


def test_a_connection_that_the_server_ends_is_not_used_again(
    connection: Connection, server: Counting
) -> None:
    server.route("GET", "/last", Reply(200, b"bye", {"Connection": "close"}))
    for _ in range(2):
        connection.get(f"{server.url}/last", {})
        assert _received(connection, 9) == b"bye"
    assert server.count_opened == 2


def test_a_place_inside_is_not_connected_to(server: Counting) -> None:
    with pytest.raises(RegistryAnswer, match="no public address"):
        Connection(frozenset(), QUICK).get(f"{server.url}/hello", {})
    assert server.count_opened == 0


def test_a_certificate_that_is_trusted(connection: Connection, secure: Counting) -> None:
    for _ in range(2):
        connection.get(f"{secure.secure_url}/hello", {})
        assert _received(connection, 9) == b"hello"
    assert secure.count_opened == 1


def test_a_certificate_that_nobody_knows_is_refused(
    connection: Connection, secure: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.get(f"{secure.secure_url}/hello", {})
    assert secure.count("/hello") == 0


def test_a_certificate_of_another_host_is_refused(secure: Counting) -> None:
    elsewhere = secure.secure_url.replace("127.0.0.1", "localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        Connection(frozenset({"localhost"}), QUICK).get(f"{elsewhere}/hello", {})
    assert secure.count("/hello") == 0


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY"])
@pytest.mark.parametrize(("user", "sent"), [("", ""), ("me:p%40ss@", "me:p@ss")])
def test_a_proxy_of_the_environment_is_used(
    connection: Connection,
    secure: Counting,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    user: str,
    sent: str,
) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv(name, f"http://{user}{proxy.address}")
        connection.get(f"{secure.secure_url}/hello", {"Authorization": "Bearer secret"})
        assert _received(connection, 9) == b"hello"
    ((asked, authorization),) = proxy.asked
    assert asked == secure.secure_url.removeprefix("https://")
    assert authorization == (f"Basic {base64.b64encode(sent.encode()).decode()}" if sent else "")
    assert secure.requests[0].headers["authorization"] == "Bearer secret"
    assert "proxy-authorization" not in secure.requests[0].headers


def test_a_proxys_address_that_says_nothing_does_not_hold_up_the_next(
    secure: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name leads to two addresses, of which the first one has a full queue."""
    with Proxy() as proxy, Silent() as silent, closing(_patient()) as connection:
        both = [silent.address, (*silent.address[:4], proxy.server_address)]
        known = socket.getaddrinfo

        def look_up(host: str, *others: Any, **named: Any) -> list[Any]:
            return both if host == "proxy.example" else known(host, *others, **named)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
        assert connection.get(f"{secure.secure_url}/hello", {}).status == 200
        assert len(proxy.asked) == 1


def test_a_host_that_is_not_found_is_named(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(*_others: Any, **_named: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(OSError, match=r"registry\.example is not found \(Name"):
        connection.get("https://registry.example/x", {})


def test_a_stop_ends_the_wait_for_a_proxy(
    patient: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Silent() as silent:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{silent.address[4][1]}")
        threading.Timer(0.2, patient.stop).start()
        with pytest.raises((Stopped, *FAILURES)):
            patient.get("https://127.0.0.1/", {})


def test_what_a_proxy_says_instead_of_a_tunnel_is_told(
    connection: Connection, server: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A web server is no proxy: it knows no CONNECT."""
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    with pytest.raises(OSError, match=r"the proxy answered [45]0"):
        connection.get("https://127.0.0.1/", {})


def test_no_proxy_is_used_where_the_environment_says_so(
    connection: Connection, secure: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        connection.get(f"{secure.secure_url}/hello", {})
    assert proxy.asked == []


@pytest.mark.parametrize("host", ["127.0.0.2", "127.1", "0x7f000001", "[::1]", "169.254.169.254"])
def test_a_proxy_is_not_asked_for_an_address_inside(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        with pytest.raises(RegistryAnswer, match="no public address"):
            connection.get(f"https://{host}/x", {})
    assert proxy.asked == []


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "https://proxy.example", "http://"])
def test_a_proxy_of_no_use_is_told(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(RegistryUnreachable) as refused:
        connection.get("https://huggingface.co/x", {})
    assert "HTTPS_PROXY" in refused.value.sentence


def _patient() -> Connection:
    """Would wait for longer than any test may take."""
    return Connection(HERE, replace(QUICK, stall_timeout=600, connect_timeout=600))


@pytest.fixture
def patient() -> Iterator[Connection]:
    with closing(_patient()) as each:
        yield each


def test_a_stop_ends_the_wait_for_an_answer(patient: Connection, server: Counting) -> None:
    server.hang("/hello")
    threading.Timer(0.1, patient.stop).start()
    with pytest.raises((Stopped, *FAILURES)):
        patient.get(f"{server.url}/hello", {})
    with pytest.raises(Stopped):
        patient.get(f"{server.url}/hello", {})
    with pytest.raises(Stopped):
        patient.sleep(600)


def test_a_stop_ends_the_wait_for_the_rest_of_an_answer(
    patient: Connection, server: Counting
) -> None:
    is_over = threading.Event()
    server.route("GET", "/part", Reply(200, Stalling(b"part", 9, is_over)))
    patient.get(f"{server.url}/part", {})
    assert _received(patient, 4) == b"part"
    threading.Timer(0.1, patient.stop).start()
    assert _received(patient, 5) == b""
    is_over.set()


def test_a_stop_ends_a_connecting(patient: Connection) -> None:
    with Silent() as silent:
        threading.Timer(0.2, patient.stop).start()
        with pytest.raises((Stopped, *FAILURES)):
            patient.get(f"http://127.0.0.1:{silent.address[4][1]}/", {})


def test_a_stop_ends_a_handshake(patient: Connection) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        threading.Timer(0.2, patient.stop).start()
        with pytest.raises((Stopped, *FAILURES)):
            patient.get(f"https://127.0.0.1:{silent.getsockname()[1]}/", {})
