from __future__ import annotations

from dataclasses import replace

import pytest

from tests.standins import gguf, server
from tests.standins.huggingface import HuggingFaceStandIn
from tests.standins.huggingface_models import LLAMA_32_1B, conversion, weights
from tests.standins.huggingface_repo import Repo
from wizard.registry import huggingface
from wizard.registry.errors import RateLimited, RegistryError
from wizard.registry.huggingface_search import MAX_PAGE, PAGE_SIZE
from wizard.registry.values import Gating, Origin, SearchQuery


def repos(**query: object) -> list[str]:
    page = huggingface.search(SearchQuery(**query))  # type: ignore[arg-type]
    return [model.ref.repo for model in page.models]


def test_it_works(hub: HuggingFaceStandIn) -> None:
    page = huggingface.search(SearchQuery(text="qwen3-8b"))
    assert [model.ref.repo for model in page.models] == [
        "Qwen/Qwen3-8B",
        "Qwen/Qwen3-8B-GGUF",
        "unsloth/Qwen3-8B-GGUF",
    ]
    assert (page.origin, page.has_next, page.page) == (Origin.LIVE, False, 1)
    first = page.models[0]
    assert (first.parameters, first.licence, first.gating) == (
        8_190_735_360,
        "apache-2.0",
        Gating.OPEN,
    )


@pytest.mark.parametrize(
    ("counts", "tags", "size"),
    [
        ({"BF16": 8_190_735_360}, (), 16_381_470_720),
        ({"BF16": 2_167_371_072, "U8": 118_244_966_400}, (), 70_551_923_328),
        ({"I32": 1_000_000_000, "F16": 100_000_000}, ("awq", "4-bit"), 760_000_000),
        ({"I32": 1_000_000_000, "F16": 100_000_000}, ("gptq", "8-bit"), 1_200_000_000),
        ({"F8_E4M3": 7_000_000_000, "F32": 1_000_000}, ("fp8",), 7_004_000_000),
        ({"BF16": -1}, (), None),
    ],
)
def test_the_bytes_of_safetensors_follow_their_types(
    hub: HuggingFaceStandIn, counts: dict[str, int], tags: tuple[str, ...], size: int | None
) -> None:
    repo = replace(hub.repos["Qwen/Qwen3-8B"], id="acme/counted", safetensors=counts)
    hub.add(replace(repo, tags=(*repo.tags, *tags)))
    (found,) = huggingface.search(SearchQuery(text="acme/counted")).models
    assert found.smallest_bytes == size


def test_the_orders(hub: HuggingFaceStandIn) -> None:
    assert repos(sort="downloads")[0] == "Qwen/Qwen3-8B"
    assert repos(sort="likes")[0] == "openai/gpt-oss-120b"
    assert repos(sort="trending")[:2] == ["Qwen/Qwen3-8B", "openai/gpt-oss-120b"]
    hub.add(conversion("acme/new", "a/b", LLAMA_32_1B, 1, {}, created="2026-11-01T00:00:00.000Z"))
    hub.add(
        conversion(
            "acme/newest",
            "a/b",
            LLAMA_32_1B,
            1,
            {"x-Q4_0.gguf": 1},
            created="2026-11-02T00:00:00.000Z",
        )
    )
    assert repos(sort="newest")[0] == "acme/newest"


def test_an_unknown_order_is_that_of_downloads(hub: HuggingFaceStandIn) -> None:
    assert repos(sort="nonsense") == repos(sort="downloads")


def test_by_author_task_and_licence(hub: HuggingFaceStandIn) -> None:
    assert repos(author="openai") == ["openai/gpt-oss-120b"]
    assert repos(task="feature-extraction") == ["CompendiumLabs/bge-small-en-v1.5-gguf"]
    assert repos(licence="gemma") == ["ggml-org/gemma-3-12b-it-GGUF"]


def test_by_size(hub: HuggingFaceStandIn) -> None:
    assert repos(max_bytes=1 << 30) == [
        "bartowski/Llama-3.2-1B-Instruct-GGUF",
        "CompendiumLabs/bge-small-en-v1.5-gguf",
    ]


def test_what_no_engine_serves_is_left_out(hub: HuggingFaceStandIn) -> None:
    own = {"model.safetensors": weights(1)}
    hub.add(Repo("acme/mlx", own, tags=("mlx",)))
    hub.add(Repo("acme/lora", own, library_name="peft"))
    hub.add(Repo("acme/voice", own, pipeline_tag="text-to-speech"))
    hub.add(conversion("acme/flux", "a/b", gguf.llama("flux"), 1, {"x-Q4_0.gguf": 1}))
    hub.add(Repo("acme/fine", own))
    assert repos(text="acme/") == ["acme/fine"]


def test_a_private_model_is_left_out(hub: HuggingFaceStandIn) -> None:
    assert "acme/secret-model" not in repos(text="acme")


def test_pages(hub: HuggingFaceStandIn) -> None:
    for number in range(PAGE_SIZE + 5):
        sizes = {"x-Q4_0.gguf": 1.0}
        repo = conversion(
            f"acme/m{number:02}", "a/b", LLAMA_32_1B, 1, sizes, downloads=100 - number
        )
        hub.add(repo)
    first = huggingface.search(SearchQuery(text="acme/m"))
    second = huggingface.search(SearchQuery(text="acme/m", page=2))
    assert (len(first.models), first.has_next) == (PAGE_SIZE, True)
    assert [model.ref.name for model in second.models] == [f"m{n:02}" for n in range(24, 29)]
    assert not second.has_next


@pytest.mark.parametrize(("asked", "answered"), [(-3, 1), (0, 1), (10**9, MAX_PAGE)])
def test_a_page_out_of_range(hub: HuggingFaceStandIn, asked: int, answered: int) -> None:
    assert huggingface.search(SearchQuery(page=asked)).page == answered


def test_a_search_is_asked_once(hub: HuggingFaceStandIn) -> None:
    for _ in range(3):
        repos(text="qwen")
    assert hub.hub.count("/api/models") == 2


def test_a_long_text_is_cut_and_blanks_folded(hub: HuggingFaceStandIn) -> None:
    repos(text="  a \n b " + "x" * 9000)
    asked = hub.hub.requests[0].first("search")
    assert (asked[:4], len(asked)) == ("a b ", 200)


def test_rate_limited(hub: HuggingFaceStandIn) -> None:
    hub.hub.rate_limit("/api/models")
    with pytest.raises(RateLimited):
        repos()


@pytest.mark.parametrize("body", ["<html>", '{"a": 1}', "[1]", '[{"private": false}]', "null"])
def test_an_answer_that_makes_no_sense(hub: HuggingFaceStandIn, body: str) -> None:
    hub.hub.fail("/api/models", server.text(body))
    with pytest.raises(RegistryError, match="Hugging Face"):
        repos()
