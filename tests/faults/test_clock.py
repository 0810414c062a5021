"""The wall clock set forward and back by hours, under what runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx2
import pytest

from tests.faults.outcomes import SOON, Watch, chat, children, eventually, tell
from tests.faults.wall_clock import WallClock
from tests.inference import endpoint as endpoints
from tests.inference.endpoint import Endpoint
from tests.site.live import LiveSite
from tests.standins.console_prices import PATH as PRICES
from tests.standins.console_prices import ConsolePrices
from tests.standins.huggingface import HuggingFaceStandIn
from tests.standins.server import Reply, Request, Sparse, StandIn
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import demo_site

BOTH = ("/api/chat", "/v1/chat/completions")
DIALECTS = pytest.mark.parametrize("path", BOTH)
JUMPS = pytest.mark.parametrize("hours", [3, -3])
MODEL = "on-ollama"
NANO = 10**9


def _runtime(
    clock: WallClock, models: Path, folder: Path, *flags: str
) -> AbstractContextManager[Endpoint]:
    engine = endpoints.stand_in_engine(folder)
    told = ("--model", str(models / "tiny.gguf"), "--engine-binary", str(engine), *flags)
    return endpoints.running(folder, *told, environ=clock.environ)


@JUMPS
@DIALECTS
def test_an_answer_of_the_runtime(
    models: Path, tmp_path: Path, clock: WallClock, path: str, hours: int
) -> None:
    """Neither its deadline nor a model's keep-alive has come."""
    flags = ("--request-timeout", "1m", "--keep-alive", "5m")
    with (
        _runtime(clock, models, tmp_path, *flags) as endpoint,
        endpoint.client() as http,
        http.stream("POST", path, json=chat("drip 20")) as answer,
    ):
        lines = answer.iter_lines()
        assert "word" in next(lines)
        watch = Watch()
        clock.jump(hours=hours)
        rest = [line for line in lines if line]
        assert sum("word" in line for line in rest) == 19
        last = rest[-1]
        assert last == "data: [DONE]" or 0 < json.loads(last)["total_duration"] < 60 * NANO
        assert [model["name"] for model in http.get("/api/ps").json()["models"]] == ["tiny"]
        assert http.get("/status").json()["restarts"] == 0
        tell(f"the clock jumps by {hours} h, {path}", "the whole answer", watch)


@JUMPS
def test_a_silent_answer_of_the_runtime(
    models: Path, tmp_path: Path, clock: WallClock, hours: int
) -> None:
    """One sign of life a second, neither a flood of them nor none."""
    with (
        _runtime(clock, models, tmp_path, "--heartbeat", "1s") as endpoint,
        endpoint.client() as http,
        http.stream("POST", "/api/chat", json=chat("wait 3", stream=False)) as answer,
    ):
        chunks = answer.iter_bytes()
        assert next(chunks) == b" "
        clock.jump(hours=hours)
        rest = b"".join(chunks)
        assert 1 <= len(rest) - len(rest.lstrip()) <= 4
        assert json.loads(rest)["done"] is True


def test_a_model_goes_when_its_time_has_come(
    models: Path, tmp_path: Path, clock: WallClock
) -> None:
    """And not hours later because the clock was set back while it waited."""
    with (
        _runtime(clock, models, tmp_path, "--keep-alive", "2s") as endpoint,
        endpoint.client() as http,
    ):
        assert http.post("/api/chat", json=chat("drip 1")).status_code == 200
        watch = Watch()
        clock.jump(hours=-3)
        eventually(lambda: http.get("/api/ps").json()["models"] == [])
        tell("the clock jumps back, keep_alive of 2 s", "nothing", watch)


def test_when_a_model_goes_is_told_by_the_new_clock(
    models: Path, tmp_path: Path, clock: WallClock
) -> None:
    with (
        _runtime(clock, models, tmp_path, "--keep-alive", "1h") as endpoint,
        endpoint.client() as http,
    ):
        assert http.post("/api/chat", json=chat("drip 1")).status_code == 200
        clock.jump(hours=3)
        (model,) = http.get("/api/ps").json()["models"]
        ends = datetime.fromisoformat(model["expires_at"])
        assert 3 < (ends - datetime.now(UTC)).total_seconds() / 3600 < 4.1


@JUMPS
@DIALECTS
def test_an_answer_of_the_site(clock: WallClock, path: str, hours: int) -> None:
    """No worker is taken for hung, no deadline has come."""
    with (
        Upstream() as upstream,
        demo_site({"ollama": upstream}, WORKERS="2", **clock.environ) as site,
    ):
        eventually(lambda: len(children(site.process.pid)) == 2)
        workers = children(site.process.pid)
        with httpx2.stream(
            "POST", site.url + path, json=chat("drip 30", MODEL), timeout=SOON
        ) as answer:
            lines = answer.iter_lines()
            assert next(lines)
            watch = Watch()
            clock.jump(hours=hours)
            last = [line for line in lines if line][-1]
        assert last == "data: [DONE]" or json.loads(last)["done"] is True
        assert children(site.process.pid) == workers
        tell(f"the clock jumps by {hours} h, site, {path}", "the whole answer", watch)


def _asked(site: LiveSite) -> httpx2.Response:
    return httpx2.post(f"{site.url}/api/chat", json=chat("drip 1", MODEL), timeout=SOON)


@JUMPS
def test_a_limit_of_the_demo(clock: WallClock, hours: int) -> None:
    """Nobody is shut out for the hours by which the clock was set back."""
    limits = {"DEMO_RATE": "2/hour", "DEMO_GLOBAL_RATE": "4/hour"}
    with (
        Upstream() as upstream,
        demo_site({"ollama": upstream}, **limits, **clock.environ) as site,
    ):
        assert [_asked(site).status_code for _ in range(3)] == [200, 200, 429]
        clock.jump(hours=hours)
        assert [_asked(site).status_code for _ in range(2)] == [200, 200]
        refused = _asked(site)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 2 * 3600


def test_the_demo_s_budget_of_a_day(clock: WallClock) -> None:
    with (
        Upstream() as upstream,
        demo_site({"ollama": upstream}, DEMO_TOKENS_PER_DAY="1", **clock.environ) as site,
    ):
        assert _asked(site).status_code == 200
        eventually(lambda: _asked(site).status_code == 503)
        clock.jump(hours=-3)
        refused = _asked(site)
        assert refused.status_code == 503
        assert 24 * 3600 < int(refused.headers["Retry-After"]) <= 27 * 3600
        clock.jump(hours=25)
        assert _asked(site).status_code == 200


@dataclass(frozen=True)
class Interrupted(Sparse):
    """A body between whose two halves something happens, once the first was read."""

    happens: Callable[[], None]

    def read(self, _start: int, _stop: int) -> Iterator[bytes]:
        half = self.size // 2
        yield self.head[:half]
        time.sleep(1)
        self.happens()
        yield self.head[half:]


@contextmanager
def _site_with_registries(clock: WallClock) -> Iterator[tuple[LiveSite, StandIn, StandIn]]:
    """A site, the Hub and the price list that it asks."""
    with HuggingFaceStandIn() as hub, ConsolePrices() as console:
        environ = {"OFFLINE": "0", "HUGGING_FACE_URL": hub.url, "CONSOLE_API_URL": console.url}
        with LiveSite(**environ, **clock.environ) as site:
            yield site, hub.hub, console


def _status(site: LiveSite) -> int:
    """Of a page that the bundled catalogue cannot give."""
    address = f"{site.url}/models/hf/CompendiumLabs/bge-small-en-v1.5-gguf/"
    return httpx2.get(address, timeout=SOON).status_code


@JUMPS
def test_a_registry_that_rests(clock: WallClock, hours: int) -> None:
    """It is asked again soon, and not after the hours by which the clock was set back."""
    with _site_with_registries(clock) as (site, hub, _console):
        hub.drop("")
        assert _status(site) == 503
        hub.heal()
        watch = Watch()
        clock.jump(hours=hours)
        eventually(lambda: _status(site) == 200)
        tell(f"the clock jumps by {hours} h, a registry rests", "503", watch)


def test_what_was_cached_before_the_clock_was_set_back(clock: WallClock) -> None:
    with _site_with_registries(clock) as (site, hub, _console):
        assert [_status(site), _status(site)] == [200, 200]
        asked = hub.count("/api/models")
        assert _status(site) == 200
        assert hub.count("/api/models") == asked
        clock.jump(hours=-3)
        assert _status(site) == 200
        assert hub.count("/api/models") > asked


def test_prices_that_are_read_while_the_clock_jumps(clock: WallClock) -> None:
    with _site_with_registries(clock) as (site, _hub, console):
        body = console.answer(Request("GET", PRICES, {}, {})).body
        assert isinstance(body, bytes)
        happens = partial(clock.jump, hours=3)
        console.route("GET", PRICES, Reply(200, Interrupted(body, len(body), happens)))
        page = httpx2.get(f"{site.url}/models/hf/Qwen/Qwen3-8B-GGUF/configure/", timeout=SOON)
        assert console.count(PRICES) == 2
        assert "prices are out of reach" not in page.text
