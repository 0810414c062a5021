from __future__ import annotations

import re
from html import unescape

import pytest
import yaml
from django.test import Client

from tests.wizard.pages.conftest import GATED, MIXTURE, QWEN


def _sdl_shown(text: str) -> str:
    found = re.search(r'<code id="sdl" data-fill>(.*?)</code>', text, re.DOTALL)
    assert found
    return unescape(re.sub(r"<[^>]+>", "", found[1]))


def _kv_width(text: str) -> float:
    found = re.search(r'id="bar-kv_cache"[^>]* width="([\d.]+)"', text)
    assert found
    return float(found[1])


def test_it_works(site: Client) -> None:
    answer = site.get(f"{QWEN}/configure/")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert ">valid</span>" in text
    document = yaml.safe_load(_sdl_shown(text))
    assert document["version"] == "2.0"
    assert "PASTE-THE-SHA256-OF-YOUR-API-KEY-HERE" in _sdl_shown(text)


def test_the_preview_is_the_file(site: Client) -> None:
    query = "context=4096&slots=2"
    shown = _sdl_shown(site.get(f"{QWEN}/configure/?{query}").content.decode())
    served = site.get(f"{QWEN}/deploy.yaml?{query}&api_key_sha256={'b' * 64}").content.decode()
    assert shown.replace("PASTE-THE-SHA256-OF-YOUR-API-KEY-HERE", "b" * 64) == served


def test_more_context_makes_the_bar_grow(site: Client) -> None:
    few = site.get(f"{QWEN}/configure/?context=2048&gpu=rtx3090&count=1").content.decode()
    many = site.get(f"{QWEN}/configure/?context=8192&gpu=rtx3090&count=1").content.decode()
    assert _kv_width(many) == pytest.approx(_kv_width(few) * 4, rel=0.05)


def test_each_choice_has_its_reason(site: Client) -> None:
    text = site.get(f"{QWEN}/configure/").content.decode()
    for name in ("context", "slots", "engine", "kv"):
        found = re.search(rf'id="{name}-hint">([^<]*)<', text)
        assert found, name
        assert found[1].endswith("."), name


def test_a_mixture_can_leave_its_experts_in_ram(site: Client) -> None:
    text = site.get(f"{MIXTURE}/configure/?cpu_moe=1").content.decode()
    assert re.search(r'name="cpu_moe" value="1" checked', text)
    assert "In RAM: " in text
    assert "CPU_MOE=1" in _sdl_shown(text)
    assert 'name="cpu_moe"' not in site.get(f"{QWEN}/configure/").content.decode()


def test_the_cards_limits_are_told(site: Client) -> None:
    text = site.get(f"{QWEN}/configure/?gpu=rtx3090&count=1&context=8192").content.decode()
    said = re.search(r'id="limits">(.*?)</p>', text)
    assert said
    assert re.search(
        r"RTX 3090 holds up to [\d,]+ tokens for each of 4 requests, or \d+ requests with "
        r"8,192 tokens each\. With a very short context it runs on a card with [\d.]+ GB free\.",
        said[1],
    )


def test_htmx_gets_the_part_and_the_address_of_its_choices(site: Client) -> None:
    answer = site.get(
        f"{QWEN}/configure/",
        {"context": "4096", "slots": "", "engine": "", "env": ""},
        headers={"HX-Request": "true"},
    )
    assert answer.content.decode().startswith('<div id="configuration"')
    assert answer["HX-Replace-Url"] == f"{QWEN}/configure/?context=4096"


def test_a_plan_without_a_card_lists_itself_and_asks_nothing_in_vain(site: Client) -> None:
    text = site.get("/models/ollama/nomic-embed-text/configure/").content.decode()
    first = text[text.index('<li class="offer chosen">') :]
    first = first[: first.index("</li>")]
    assert "CPU only" in first
    needed = re.search(r"([\d.]+ GB) of RAM", first)
    assert needed
    assert f"{needed[1]} of 2.1 GB" in text
    assert "in the file" in first
    assert re.search(r"\$0\.0[1-9] / h", first)
    assert "How long a text may be" in text
    assert "Automatic: none" in text
    assert 'name="kv"' not in text
    assert "context-slider" not in text
    assert "any machine, and as figures" in text


def test_further_cards_come_by_the_price_of_the_whole(site: Client) -> None:
    text = site.get("/models/ollama/qwen3:8b/configure/").content.decode()
    rows = re.findall(r'<li class="offer( chosen)?">(.*?)</li>', text, re.DOTALL)
    prices = [re.search(r"\$([\d,.]+) / h", row) for chosen, row in rows if not chosen]
    told = [float(price[1].replace(",", "")) for price in prices if price]
    assert len(told) > 20
    assert told == sorted(told)


def test_a_choice_that_was_made_stays_in_the_form(site: Client) -> None:
    text = site.get("/models/ollama/nomic-embed-text/configure/?kv=q8_0").content.decode()
    assert re.search(r'name="kv" value="q8_0" checked', text)


def test_the_badge_holds_the_whole_choice(site: Client) -> None:
    text = unescape(site.get(f"{QWEN}/configure/?context=4096&gpu=t4&gpu=rtx3090").content.decode())
    assert (
        "[![Deploy with OneClickLLM](http://testserver/badge.svg)]"
        f"(http://testserver{QWEN}/configure/?variant=8b&context=4096&gpu=t4&gpu=rtx3090)"
    ) in text


def test_no_style_and_no_script_stand_in_the_page(site: Client) -> None:
    text = site.get(f"{QWEN}/configure/").content.decode()
    assert " style=" not in text
    assert " hx-on" not in text
    assert not re.search(r" on[a-z]+=", text)
    assert not re.search(r"<script(?![^>]* src=)", text)


def test_a_gated_model_asks_for_a_token_that_has_no_name_to_be_sent_by(site: Client) -> None:
    text = site.get(f"{GATED}/configure/").content.decode()
    field = re.search(r'<input[^>]* id="hf-token"[^>]*>', text)
    assert field
    assert " name=" not in field[0]


def test_an_open_model_asks_for_no_token(site: Client) -> None:
    assert "hf-token" not in site.get(f"{QWEN}/configure/").content.decode()


def test_a_choice_that_cannot_be_used_is_told_and_set_aside(site: Client) -> None:
    answer = site.get(f"{QWEN}/configure/?context=99999999&slots=2")
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "this model takes 256 to 40,960" in text
    assert yaml.safe_load(_sdl_shown(text))["services"]["llm"]["env"].count("SLOTS=2") == 1


def test_several_wrong_choices_still_make_a_page(site: Client) -> None:
    answer = site.get(f"{QWEN}/configure/?context=x&slots=y&kv=z&engine=q&gpu=!&count=3")
    assert answer.status_code == 400
    assert ">valid</span>" in answer.content.decode()


def test_what_fits_nowhere_has_no_file_and_says_why(site: Client) -> None:
    text = site.get(f"{QWEN}/configure/?slots=256&context=40960&count=1").content.decode()
    assert "not servable" in text
    assert "Nothing that Akash offers holds this" in text
    assert "data-download" not in text


def test_the_form_keeps_every_further_name(site: Client) -> None:
    query = "alias=gpt-4o&alias=small%2C+fast%0D%0Agpt-4o"
    text = site.get(f"{QWEN}/configure/?{query}").content.decode()
    found = re.search(r'<textarea[^>]* name="alias"[^>]*>([^<]*)</textarea>', text)
    assert found
    assert found[1].split() == ["gpt-4o", "small", "fast"]
    env = yaml.safe_load(_sdl_shown(text))["services"]["llm"]["env"]
    names = next(pair for pair in env if pair.startswith("MODEL_ALIASES="))
    assert names.startswith("MODEL_ALIASES=gpt-4o,small,fast")


def test_too_many_further_names_are_refused(site: Client) -> None:
    query = "&".join(f"alias=name-{number}" for number in range(65))
    answer = site.get(f"{QWEN}/deploy.yaml?{query}")
    assert answer.status_code == 400
    assert "64 at most" in answer.content.decode()


def test_a_plan_of_several_nodes_offers_no_compose_file(site: Client) -> None:
    address = "/models/hf/deepseek-ai/DeepSeek-V3/configure/?gpu=h100"
    many = site.get(f"{address}&nodes=2").content.decode()
    assert "docker-compose.yaml" not in many
    assert "Docker Compose runs on one machine" in many
    assert "docker-compose.yaml" in site.get(f"{QWEN}/configure/").content.decode()
