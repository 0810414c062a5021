from __future__ import annotations

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.standins import huggingface_models
from tests.standins.console_prices import ConsolePrices
from tests.standins.huggingface import HuggingFaceStandIn


def test_it_works(site: Client) -> None:
    answer = site.get("/models/ollama/qwen3/")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "our default" in text
    assert "/models/ollama/qwen3/configure/?variant=0.6b" in text
    assert "apache-2.0" in text


def test_the_tag_of_the_address_is_the_default(site: Client) -> None:
    text = site.get("/models/ollama/qwen3:0.6b/").content.decode()
    row = text[text.index('class="on"') :]
    assert '>0.6b</a> <span class="tag accent">asked for</span>' in row[:300]
    assert "our default" not in text


def test_a_hugging_face_model_names_its_conversions(site: Client) -> None:
    text = site.get("/models/hf/Qwen/Qwen3-8B/").content.decode()
    assert "/models/hf/unsloth/Qwen3-8B-GGUF/" in text


def test_a_gated_model_says_so_first(site: Client) -> None:
    text = site.get("/models/hf/meta-llama/Llama-3.1-8B-Instruct/").content.decode()
    assert "This model is gated" in text


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("hf/Qwen/Qwen3-8B-GGUF", "apache-2.0"),
        ("ollama/nemotron-mini", "its own"),
        ("hf/Qwen/Qwen3-8B-AWQ", "not known here"),
    ],
)
def test_the_licence_is_told_or_that_it_is_not_known(
    site: Client, address: str, words: str
) -> None:
    text = site.get(f"/models/{address}/").content.decode()
    assert f"<dt>Licence</dt><dd>{words}</dd>" in text


@pytest.mark.parametrize("name", ["qwen3:8b", "olmo-3"])
def test_a_variant_s_price_is_that_of_its_plan(site: Client, name: str) -> None:
    text = site.get(f"/models/ollama/{name}/").content.decode()
    row = text[text.index('<tr class="on"') :]
    plan = site.get(f"/models/ollama/{name}/plan.json").json()
    assert f"${plan['price']['usd_per_hour']:.2f} / h" in row[: row.index("</tr>")]
    chosen = next(offer for offer in plan["offers"] if offer["chosen"])
    assert chosen["usd_per_hour"] == pytest.approx(plan["price"]["usd_per_hour"])


def test_no_more_context_is_named_than_a_model_was_trained_for(site: Client) -> None:
    text = site.get("/models/hf/BAAI/bge-reranker-large/").content.decode()
    assert '<dt>Context</dt><dd class="num">512 tokens</dd>' in text
    assert "with 512 tokens of context" in text


def test_an_unknown_model_is_not_found(site: Client) -> None:
    answer = site.get("/models/ollama/no-such-model/")
    assert answer.status_code == 404
    assert "Not in this site&#x27;s catalogue" in answer.content.decode()


def test_an_unknown_tag_is_not_found(site: Client) -> None:
    assert site.get("/models/ollama/qwen3:no-such-tag/").status_code == 404


def test_a_name_that_is_none_is_refused(site: Client) -> None:
    answer = site.get("/models/hf/-x/..y/")
    assert answer.status_code == 400
    assert "That is not a model" in answer.content.decode()


def test_a_cloud_tag_says_that_it_has_no_weights(site: Client) -> None:
    answer = site.get("/models/ollama/gpt-oss:20b-cloud/")
    assert answer.status_code == 422
    assert "cloud" in answer.content.decode()


def test_a_page_that_is_none_has_the_site_around_it(site: Client) -> None:
    answer = site.get("/nothing/here")
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()


def test_the_context_is_read_where_the_registry_does_not_list_it(
    site: Client, settings: Settings
) -> None:
    with HuggingFaceStandIn() as hub, ConsolePrices() as prices:
        settings.OFFLINE = False
        settings.HUGGING_FACE_URL, settings.CONSOLE_API_URL = hub.url, prices.url
        text = site.get("/models/hf/Qwen/Qwen3-8B/").content.decode()
    assert '<dt>Context</dt><dd class="num">40,960 tokens</dd>' in text


def test_the_card_of_a_model_that_nobody_knows_is_that_of_its_plan(
    site: Client, settings: Settings
) -> None:
    """Its cache is far smaller than a guess by its size would say, and so is its card."""
    keys = {**huggingface_models.QWEN3_8B, "qwen3.attention.head_count_kv": 1}
    sizes = {"narrow-Q4_K_M.gguf": 4.68, "narrow-Q8_0.gguf": 8.11}
    repo = huggingface_models.conversion("acme/narrow-GGUF", "", keys, 8_190_735_360, sizes)
    with HuggingFaceStandIn([repo]) as hub, ConsolePrices() as prices:
        settings.OFFLINE = False
        settings.HUGGING_FACE_URL, settings.CONSOLE_API_URL = hub.url, prices.url
        text = site.get("/models/hf/acme/narrow-GGUF/").content.decode()
        plan = site.get("/models/hf/acme/narrow-GGUF/plan.json").json()
    row = text[text.index('<tr class="on"') :]
    # Cheaper cards hold it too, of which none is free: they are named behind it.
    assert ">T4<" in row[: row.index("</tr>")]
    assert plan["choices"]["gpus"][:3] == ["t4", "rtx3090", "p4"]
    assert f"${plan['price']['usd_per_hour']:.2f} / h" in row[: row.index("</tr>")]
