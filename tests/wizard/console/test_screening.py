"""Who can host a plan now, and what would let more: over the page's own line."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from tests.standins.console import ConsoleApi
from tests.standins.server import text
from tests.wizard.sdl import factory
from wizard.console import client, screening
from wizard.console.groups import group_specs
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


def test_it_works(api: ConsoleApi) -> None:
    assert "3 providers can host this now, 2 of them audited." in line()
    assert len(api.screenings) == 1


@pytest.mark.anyio
async def test_what_is_asked_is_the_file(api: ConsoleApi) -> None:
    built = document.build(factory.plan(), Secrets())
    assert (await screening.screen(built)).count == 3
    group = group_specs(built)[0]
    assert api.screenings[0]["resources"] == group["resources"]
    assert api.screenings[0]["requirements"] == group["requirements"]


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
    monkeypatch.setattr(screening, "MOST_A_MINUTE", 2)
    monkeypatch.setattr(screening, "time", lambda: 0.0)
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
    assert len(api.screenings) == len(told) == 6


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
    assert api.count("/v1/bid-screening") <= screening.AT_ONCE * (len(client.PAUSES) + 1)


def test_the_cards_leave_requests_to_the_plans(
    api: ConsoleApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screening, "MOST_A_MINUTE", screening.SPARED + 4)
    monkeypatch.setattr(screening, "time", lambda: 0.0)
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
        "with a ceiling of $1.00 an hour",
    ]
    assert found[0].choices.storage_class is StorageClass.EPHEMERAL
    assert found[1].choices.gpus == ("rtx3090", "a100")
    assert (found[2].choices.region, found[3].choices.audited) == ("", None)
    assert found[4].choices.price_ceiling == 1.0


def test_nothing_is_relaxed_twice() -> None:
    plan = factory.plan(storage_class=StorageClass.EPHEMERAL, chosen=())
    assert [one.words for one in screening.relaxations(plan, Choices())] == [
        "with a ceiling of $1.00 an hour"
    ]
