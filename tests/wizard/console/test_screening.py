"""Who can host a plan now, and what would let more: over the page's own line."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from html import unescape

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from tests.standins.console import ConsoleApi
from tests.standins.server import text
from tests.wizard.sdl import factory
from wizard.console import client, screening, shared_answers
from wizard.sdl import document
from wizard.sdl.values import Choices, Secrets, StorageClass

LINE = "/models/ollama/qwen3:8b/screening?gpu=rtx3090&count=1"


@pytest.fixture(autouse=True)
def _no_registries(settings: Settings) -> None:
    """The registries are out of reach: the bundled catalogue answers."""
    for name in ("HUGGING_FACE_URL", "OLLAMA_URL", "OLLAMA_REGISTRY_URL"):
        setattr(settings, name, "http://127.0.0.1:9")


def line(address: str = LINE) -> str:
    answer = Client().get(address)
    assert answer.status_code == 200
    return unescape(re.sub(r"<[^>]+>", "", answer.content.decode()))


def stop_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (shared_answers, screening):
        monkeypatch.setattr(module, "time", lambda: 0.0)


def test_it_works(api: ConsoleApi) -> None:
    assert "3 providers can host this now, 2 of them audited." in line()
    assert len(api.screenings) == 1


@pytest.mark.anyio
async def test_any_of_the_cards_will_do(api: ConsoleApi) -> None:
    cards = (factory.gpu("rtx3090", "24Gi"), factory.gpu("a100", "80Gi"), factory.gpu("t4", "16Gi"))
    built = document.build(factory.plan(chosen=tuple(map(factory.offer, cards))), Secrets())
    first, second, third = api.bidders
    api.hosts_of = {"rtx3090": (first,), "a100": (second, first), "t4": ()}
    found = await screening.screen(built)
    assert {one.address for one in found.providers or ()} == {first.address, second.address}
    api.hosts_of = {"rtx3090": (), "a100": (third,), "t4": ()}
    cache.clear()
    assert (await screening.screen(built)).count == 1


@pytest.mark.anyio
async def test_only_audited_providers_count_where_the_file_wants_them(api: ConsoleApi) -> None:
    built = document.build(factory.plan(audited=True), Secrets())
    found = await screening.screen(built)
    assert (found.count, found.audited) == (2, 2)
    assert (await screening.screen(document.build(factory.plan(), Secrets()))).count == 3
    assert len(api.screenings) == 1


@pytest.mark.anyio
async def test_only_the_region_counts_that_the_file_names(api: ConsoleApi) -> None:
    counts = [
        (await screening.screen(document.build(factory.plan(region=name), Secrets()))).count
        for name in ("us-west", "eu-central")
    ]
    assert counts == [2, 1]
    assert len(api.screenings) == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("room", "count", "asked"),
    [(97, 3, 1), (90, 3, 3), (79, 0, 2)],
    ids=["enough for a little more", "just enough", "not even a little less"],
)
async def test_nobody_is_overlooked_for_a_little_memory(
    api: ConsoleApi, room: int, count: int, asked: int
) -> None:
    """The file asks for 90 GiB; the grid has 80 and 96."""
    resources = replace(factory.plan().resources, memory=90 << 30)
    built = document.build(factory.plan(resources=resources), Secrets())
    api.memory = room << 30
    assert (await screening.screen(built)).count == count
    assert len(api.screenings) == asked


@pytest.mark.anyio
async def test_what_is_not_known_is_not_said_to_be_nobody(
    api: ConsoleApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = (factory.gpu("rtx3090", "24Gi"), factory.gpu("t4", "16Gi"))
    built = document.build(factory.plan(chosen=tuple(map(factory.offer, cards))), Secrets())
    api.hosts_of = {"rtx3090": (), "t4": ()}
    monkeypatch.setattr(shared_answers, "MOST_A_MINUTE", 1)
    stop_the_clock(monkeypatch)
    assert (await screening.screen(built)).providers is None


def test_it_is_asked_once(api: ConsoleApi) -> None:
    assert line() == line()
    assert len(api.screenings) == 1


def test_what_is_in_the_way_is_offered_as_links(api: ConsoleApi) -> None:
    api.only_ephemeral = True
    answer = Client().get(LINE + "&region=us-west").content.decode()
    assert "No provider can host this now" in answer
    assert re.findall(r'<a class="chip" href="([^"]+)">([^<]+)', answer) == [
        (
            "/models/ollama/qwen3:8b/configure/?gpu=rtx3090&amp;count=1&amp;region=us-west"
            "&amp;storage=ephemeral",
            "without the persistent volume: ",
        )
    ]


def test_nothing_helps(api: ConsoleApi) -> None:
    api.hosts = ()
    assert "Take a smaller variant" in line()
    assert len(api.screenings) >= 3


def test_an_outage_is_told_and_not_asked_again(api: ConsoleApi) -> None:
    api.fail("/v1/bid-screening", text("no", 500))
    assert "could not be asked" in line()
    asked = api.count("/v1/bid-screening")
    assert "could not be asked" in line()
    assert api.count("/v1/bid-screening") == asked


def test_an_answer_tells_its_age(api: ConsoleApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_answers, "time", lambda: time.time() - 245)
    assert line().strip() == "3 providers could host this 4 minutes ago, 2 of them audited."
    api.hosts = ()
    assert set(rows(0, "?gpu=t4&count=1").values()) == {"no providers, 4m ago"}
    assert line(f"{LINE}&storage=beta1").startswith("No provider could host this 4 minutes ago.")


def test_offline_asks_nothing(api: ConsoleApi, settings: Settings) -> None:
    settings.OFFLINE = True
    assert "could not be asked" in line()
    assert api.count() == 0


def test_an_outage_is_forgotten(api: ConsoleApi) -> None:
    api.fail("/v1/bid-screening", text("no", 500), times=1)
    line()
    cache.clear()
    assert "3 providers" in line()


def test_nobody_uses_up_the_consoles_patience(
    api: ConsoleApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_answers, "MOST_A_MINUTE", 2)
    stop_the_clock(monkeypatch)
    counts = [line(f"{LINE}&storage_gib={size}") for size in (20, 30, 40)]
    assert ["3 providers" in told for told in counts] == [True, True, False]
    assert len(api.screenings) == 2


def rows(part: int = 0, query: str = "") -> dict[str, str]:
    """What each card of a part says of who can host it."""
    answer = Client().get(f"/models/ollama/qwen3:8b/screening/{part}{query}")
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "hx-get" not in text, "What was told is not asked for again."
    found = re.findall(r'class="strong">([^<]+)</span>.*?class="hosts[^>]*>([^<]*)<', text, re.S)
    assert len(found) == text.count('<li class="offer')
    return dict(found)


def test_each_card_has_a_count_of_its_own(api: ConsoleApi) -> None:
    api.hosts_of = {"rtx3090": api.bidders[:1], "t4": ()}
    told = rows()
    assert told["RTX 3090"] == "1 provider now"
    assert told["T4"] == "no providers now"
    assert set(told.values()) == {"1 provider now", "no providers now", "3 providers now"}
    # Whether nobody has a T4 is asked once more, for a little less.
    assert len(api.screenings) - 1 == len(told) == 6


def test_memory_sizes_of_a_card_are_counted_apart(api: ConsoleApi) -> None:
    api.hosts_of = {"v100:16Gi": api.bidders[:1], "v100:32Gi": api.bidders[:2]}
    told: dict[str, str] = {}
    for part in range(8):
        told |= rows(part)
    assert told["V100 16 GB"] == "1 provider now"
    assert told["V100 32 GB"] == "2 providers now"


def test_a_card_s_count_is_that_of_its_link(api: ConsoleApi) -> None:
    rows()
    shown = Client().get("/models/ollama/qwen3:8b/screening/0").content.decode()
    (link,) = re.findall(r'href="/models/ollama/qwen3:8b/configure/\?([^"]+)" aria-', shown)
    asked = len(api.screenings)
    assert "3 providers" in line(f"/models/ollama/qwen3:8b/screening?{unescape(link)}")
    assert len(api.screenings) == asked


def test_folded_cards_are_asked_about_when_they_are_seen(api: ConsoleApi) -> None:
    page = Client().get("/models/ollama/qwen3:8b/configure/").content.decode()
    parts = re.findall(r'hx-get="/models/ollama/qwen3:8b/screening/(\d+)"', page)
    assert parts == [str(number) for number in range(len(parts))]
    assert len(parts) > 2
    assert not api.screenings
    first, second = rows(0), rows(1)
    assert not first.keys() & second.keys()
    assert len(api.screenings) == len(first) + len(second)


def test_an_outage_leaves_the_cards_as_they_are(api: ConsoleApi) -> None:
    api.fail("/v1/bid-screening", text("no", 500))
    assert set(rows().values()) == {""}
    assert api.count("/v1/bid-screening") <= shared_answers.AT_ONCE * (len(client.PAUSES) + 1)


def test_the_cards_leave_requests_to_the_plans(
    api: ConsoleApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = shared_answers.SPARED_BY_CARDS + 4
    monkeypatch.setattr(shared_answers, "MOST_A_MINUTE", most)
    stop_the_clock(monkeypatch)
    counts = list(rows().values())
    assert counts.count("3 providers now") == 4
    assert counts.count("") == 2
    more = [line(f"{LINE}&storage_gib={size}") for size in (50, 60, 70)]
    assert all("3 providers" in told for told in more)


def test_offline_no_card_is_asked_about(api: ConsoleApi, settings: Settings) -> None:
    settings.OFFLINE = True
    assert "hx-get" not in Client().get("/models/ollama/qwen3:8b/screening/0").content.decode()
    page = Client().get("/models/ollama/qwen3:8b/configure/").content.decode()
    assert "/screening" not in page
    assert api.count() == 0


def test_a_part_that_is_not_there() -> None:
    assert Client().get("/models/ollama/qwen3:8b/screening/99").status_code == 404


def test_a_wrong_choice_is_told() -> None:
    assert Client().get(f"{LINE}&context=lots").status_code == 400


def test_the_least_harmful_comes_first() -> None:
    cards = (factory.gpu(), factory.gpu("a100", "80Gi"))
    offers = tuple(factory.offer(card) for card in cards)
    plan = factory.plan(chosen=offers[:1], offers=offers, region="us-west", audited=True)
    choices = Choices(region="us-west", audited=True, gpus=("rtx3090",))
    found = list(screening.relaxations(plan, choices))
    assert [one.words for one in found] == [
        "without the persistent volume",
        "with other cards that fit",
        "outside us-west",
        "without the auditor",
    ]
    assert found[0].choices.storage_class is StorageClass.EPHEMERAL
    assert found[1].choices.gpus == ("rtx3090", "a100")
    assert (found[2].choices.region, found[3].choices.audited) == ("", None)


def test_nothing_is_relaxed_twice() -> None:
    plan = factory.plan(storage_class=StorageClass.EPHEMERAL, chosen=())
    assert not list(screening.relaxations(plan, Choices()))
