"""A question is asked once for everybody, and again before long, in nobody's way."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from django.core.cache import cache

from tests.site.live import LiveSite
from tests.site.redis_server import redis_server
from tests.standins.console import ConsoleApi
from tests.standins.ports import free_port
from tests.standins.server import json, text
from tests.wizard.sdl import factory
from wizard.console import client, connections, screening, shared_answers
from wizard.console.screening import screen
from wizard.console.shapes import Sizes, shape_of
from wizard.console.shared_answers import FRESH_SECONDS
from wizard.sdl import document
from wizard.sdl.values import Secrets

BUILT = document.build(factory.plan(), Secrets())
QUESTION = shape_of(BUILT, Sizes.UP).questions[0]
NOWHERE = "http://127.0.0.1:9"


class Clock:
    """Seconds since 1970, moved on by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (shared_answers, screening):
        monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
async def worker() -> AsyncIterator[None]:
    """A loop that outlives its requests, as a worker's does."""
    async with connections.kept_open():
        yield


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


def lock() -> str:
    return shared_answers._lock(shared_answers._key(QUESTION))


def has_ended() -> bool:
    return not cache.get(lock())


@pytest.mark.anyio
async def test_it_works(api: ConsoleApi, worker: None) -> None:
    """Twenty at once wait for one answer."""
    api.screen_seconds = 0.3
    found = await asyncio.gather(*(screen(BUILT) for _ in range(20)))
    assert {one.count for one in found} == {3}
    assert len(api.screenings) == 1


@pytest.mark.anyio
async def test_an_old_answer_is_told_and_asked_for_again(
    api: ConsoleApi, worker: None, clock: Clock
) -> None:
    first = await screen(BUILT)
    clock.now += FRESH_SECONDS + 1
    api.hosts = api.bidders[:1]
    told = await asyncio.gather(*(screen(BUILT) for _ in range(5)))
    assert {(one.count, one.at) for one in told} == {(3, first.at)}
    assert told[0].minutes == FRESH_SECONDS // 60
    await until(lambda: len(api.screenings) == 2 and has_ended())
    fresh = await screen(BUILT)
    assert (fresh.count, fresh.minutes) == (1, 0)
    assert len(api.screenings) == 2


@pytest.mark.anyio
async def test_outside_a_worker_an_old_answer_is_asked_for_first(
    api: ConsoleApi, clock: Clock
) -> None:
    await screen(BUILT)
    clock.now += FRESH_SECONDS + 1
    api.hosts = api.bidders[:1]
    assert (await screen(BUILT)).count == 1


@pytest.mark.anyio
async def test_an_old_answer_is_better_than_none(
    api: ConsoleApi, worker: None, clock: Clock
) -> None:
    await screen(BUILT)
    clock.now += FRESH_SECONDS + 1
    api.fail("/v1/bid-screening", text("no", 500))
    for _ in range(2):
        assert (await screen(BUILT)).count == 3
        await until(lambda: cache.get(shared_answers._DOWN) and has_ended())
    assert api.count("/v1/bid-screening") == 1 + len(client.PAUSES) + 1


@pytest.mark.anyio
async def test_asking_again_leaves_questions_to_who_knows_nothing(
    api: ConsoleApi, worker: None, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await screen(BUILT)
    clock.now += FRESH_SECONDS + 1
    monkeypatch.setattr(shared_answers, "MOST_A_MINUTE", shared_answers.SPARED_BY_REFRESHES)
    assert (await screen(BUILT)).count == 3
    other = document.build(factory.plan(replicas=2), Secrets())
    assert (await screen(other)).count == 3
    assert [body["resources"][0]["count"] for body in api.screenings] == [1, 2]


@pytest.mark.anyio
async def test_an_outage_ends_the_wait_of_all(api: ConsoleApi, worker: None) -> None:
    api.fail("/v1/bid-screening", text("no", 500))
    found = await asyncio.gather(*(screen(BUILT) for _ in range(10)))
    assert {one.providers for one in found} == {None}
    assert api.count("/v1/bid-screening") == len(client.PAUSES) + 1


@pytest.mark.parametrize("said", ["groups/0/resources: too many", "invalid SDL"])
@pytest.mark.anyio
async def test_a_question_that_is_refused_ends_no_other_s_screening(
    said: str, api: ConsoleApi, worker: None
) -> None:
    api.fail("/v1/bid-screening", json({"message": said}, 400), times=1)
    for _ in range(3):
        assert (await screen(BUILT)).providers is None
    assert api.count("/v1/bid-screening") == 1
    other = document.build(factory.plan(replicas=2), Secrets())
    assert (await screen(other)).count == 3


@pytest.mark.anyio
async def test_who_leaves_does_not_end_what_others_wait_for(api: ConsoleApi, worker: None) -> None:
    has_left = threading.Event()
    api.while_screening = lambda: has_left.wait(60)
    leaving = asyncio.create_task(screen(BUILT))
    await until(lambda: api.screenings)
    staying = asyncio.create_task(screen(BUILT))
    await asyncio.sleep(0)  # by now it waits
    leaving.cancel()
    has_left.set()
    assert (await staying).count == 3
    assert leaving.cancelled()
    assert len(api.screenings) == 1


@pytest.mark.anyio
async def test_what_a_dead_worker_was_asking_is_asked_by_another(
    api: ConsoleApi, worker: None
) -> None:
    cache.set(lock(), True, 1)
    waiting = asyncio.create_task(screen(BUILT))
    await until(has_ended)
    assert (await waiting).count == 3


@pytest.mark.anyio
async def test_a_worker_that_ends_asks_no_more(api: ConsoleApi) -> None:
    api.hang("/v1/bid-screening")
    async with connections.kept_open():
        asking = asyncio.create_task(screen(BUILT))
        await until(lambda: api.count("/v1/bid-screening"))
        assert not has_ended()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert has_ended()
    assert not cache.get(shared_answers._DOWN)


def test_workers_ask_together(api: ConsoleApi, tmp_path: Path) -> None:
    """Many visits on two workers, to models that differ: one question."""
    api.screen_seconds = 0.5
    models = ("qwen3:8b", "llama3.1:8b", "mistral:7b")
    paths = [f"/models/ollama/{name}/screening?gpu=rtx3090&count=1" for name in models]
    registries = dict.fromkeys(("HUGGING_FACE_URL", "OLLAMA_URL", "OLLAMA_REGISTRY_URL"), NOWHERE)
    settings = {"OFFLINE": "0", "CONSOLE_API_URL": api.url, "WORKERS": "2", **registries}

    with (
        redis_server(free_port(), tmp_path) as url,
        # On a busy machine Redis may be slow, and each worker would then ask for itself.
        LiveSite(CACHE_URL=f"{url}?socket_timeout=300", **settings) as site,
        ThreadPoolExecutor(12) as visitors,
    ):

        def visit(path: str) -> str:
            answer = httpx2.get(site.url + path + "&storage_gib=8", timeout=None)
            assert answer.status_code == 200
            return re.sub(r"<[^>]+>", "", answer.text).strip()

        told = list(visitors.map(visit, paths * 4))
    assert set(told) == {"3 providers can host this now, 2 of them audited."}
    assert len(api.screenings) == 1
