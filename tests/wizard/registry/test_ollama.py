from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.standins.ollama import MAINTENANCE, NONSENSE, TOO_OLD, OllamaStandIn
from tests.standins.ollama_models import GB, Library, Tag, digest_of, mlx_tag, tag
from tests.standins.server import Reply, Sparse, json, text
from wizard.registry import ollama, ollama_pages
from wizard.registry.errors import (
    CloudModel,
    CloudOnly,
    MlxOnly,
    ModelNotFound,
    NothingToServe,
    RateLimited,
    RegistryDown,
    RegistryError,
    RegistryTimeout,
    UnreadableHeader,
    VariantNotFound,
)
from wizard.registry.values import Model, ModelRef, Origin, SearchQuery, Source


@pytest.fixture
def library(settings: Settings) -> Iterator[OllamaStandIn]:
    with OllamaStandIn() as standin:
        settings.OFFLINE = False
        settings.OLLAMA_URL = standin.url
        settings.OLLAMA_REGISTRY_URL = standin.registry_url
        settings.REGISTRY_TIMEOUT = 60.0
        yield standin


def _ref(name: str, tag: str = "", namespace: str = "library") -> ModelRef:
    return ModelRef(Source.OLLAMA, namespace, name, tag)


def _find(name: str, tag: str = "") -> Model:
    return ollama.find(_ref(name, tag))


def test_it_works(library: OllamaStandIn) -> None:
    model = _find("llama3.1", "8b")
    variant = ollama.variant_for(model, model.ref)
    assert model.origin is Origin.LIVE
    assert variant.weight_bytes == 4_920_738_944
    assert variant.size_is_exact
    assert variant.quantisation == "Q4_K_M"
    assert variant.parameters == 8_000_000_000
    assert ollama.architecture(model, variant).kv_heads == (8,) * 32


def test_search_tells_what_the_cards_show(library: OllamaStandIn) -> None:
    page = ollama.search(SearchQuery("llama"))
    (model,) = page.models
    assert str(model.ref) == "llama3.1"
    assert model.downloads == 118_700_000
    assert model.capabilities == {"tools"}
    assert model.updated is not None and model.updated.year == 2025
    assert not page.has_next


def test_search_reads_pages_without_marks(library: OllamaStandIn) -> None:
    library.marked = False
    (model,) = ollama.search(SearchQuery("gemma3")).models
    assert model.downloads == 39_700_000
    assert model.capabilities == {"vision"}
    assert model.task == "image-text-to-text"


def test_pulls_are_not_taken_for_parameters() -> None:
    card = '<li><a href="/library/x"><h2>x</h2><span>55.7M</span><span>7b</span></a></li>'
    assert ollama_pages.read_listing(card).cards[0].parameters == (7_000_000_000,)


def test_search_goes_to_further_pages(library: OllamaStandIn) -> None:
    first, second = (ollama.search(SearchQuery(page=page)) for page in (1, 2))
    assert first.has_next
    assert not second.has_next
    assert not {model.ref for model in first.models} & {model.ref for model in second.models}


def test_search_finds_community_models(library: OllamaStandIn) -> None:
    (model,) = ollama.search(SearchQuery("crow")).models
    assert model.ref.repo == "jaahas/crow"


def test_search_keeps_to_a_size(library: OllamaStandIn) -> None:
    names = {model.ref.name for model in ollama.search(SearchQuery("3", max_bytes=4 * GB)).models}
    assert "gemma3" in names
    assert "qwen3.8" not in names


def test_search_that_finds_nothing_is_empty(library: OllamaStandIn) -> None:
    assert ollama.search(SearchQuery("nothing-of-that-name")).models == ()


def test_a_search_text_cannot_leave_its_parameter(library: OllamaStandIn) -> None:
    ollama.search(SearchQuery("a&page=9 ../x#y"))
    assert library.site.requests[-1].first("q") == "a&page=9 ../x#y"


def test_search_is_cached(library: OllamaStandIn) -> None:
    for _ in range(3):
        ollama.search(SearchQuery("qwen"))
    assert library.site.count("/search") == 1


def test_a_page_that_has_changed_is_not_an_empty_one(library: OllamaStandIn) -> None:
    library.site.fail("/search", NONSENSE)
    with pytest.raises(RegistryError, match="has changed"):
        ollama.search(SearchQuery("qwen"))


@pytest.mark.parametrize(
    "html",
    ["", "\0", "<li><a href='", "<li>" * 5000, "<a href='/library/x:'>", "<li><a href='/x'>y"],
)
def test_broken_pages_raise_one_error(html: str) -> None:
    for read in (ollama_pages.read_listing, ollama_pages.read_tags):
        with pytest.raises(RegistryError, match="has changed"):
            read(html)


def test_latest_is_the_default(library: OllamaStandIn) -> None:
    model = _find("qwen3")
    assert ollama.variant_for(model, model.ref).name == "latest"
    assert model.context_length == 40 * 1024


def test_aliases_of_one_digest_are_exact_together(library: OllamaStandIn) -> None:
    exact = {item.name: item.size_is_exact for item in _find("llama3.1").variants}
    assert exact["latest"] and exact["8b"]
    assert not exact["70b"]


def test_a_model_without_latest_lists_its_tags(library: OllamaStandIn) -> None:
    model = _find("gpt-oss")
    assert [item.name for item in model.variants] == ["20b"]
    assert ollama.variant_for(model, model.ref).weight_bytes == 14 * GB


def test_the_projector_is_told_apart_from_weights(library: OllamaStandIn) -> None:
    (variant,) = [item for item in _find("gemma3", "4b").variants if item.name == "4b"]
    assert variant.weight_bytes == 3_300_000_000
    assert variant.projector is not None and variant.projector.size == 851_000_000


def test_the_version_that_a_tag_requires_is_told(library: OllamaStandIn) -> None:
    model = _find("qwen3.8", "27b")
    assert ollama.variant_for(model, model.ref).requires == "0.32.12"


def test_a_name_that_no_page_lists_is_valid(library: OllamaStandIn) -> None:
    assert _find("unlisted").variants[0].size_is_exact


def test_a_community_name_works(library: OllamaStandIn) -> None:
    model = ollama.find(_ref("crow", "q2", "jaahas"))
    assert ollama.variant_for(model, model.ref).quantisation == "Q2_K"


def test_a_layer_that_comes_twice_counts_once(library: OllamaStandIn) -> None:
    weights = Sparse(b"GGUF", 2 * GB)
    twice = tag("latest", weights)
    doubled = Tag("latest", (("model", weights), *twice.layers), twice.config)
    library.add(Library("twice", (doubled,)))
    assert _find("twice").variants[0].download_bytes == 2 * GB


def test_a_model_that_does_not_exist(library: OllamaStandIn) -> None:
    with pytest.raises(ModelNotFound, match="nothing-here"):
        _find("nothing-here")


def test_a_tag_that_does_not_exist_names_those_that_do(library: OllamaStandIn) -> None:
    with pytest.raises(VariantNotFound) as raised:
        _find("llama3.1", "9b")
    assert "70b" in raised.value.next_step


def test_a_missing_tag_is_asked_for_once(library: OllamaStandIn) -> None:
    for _ in range(2):
        with pytest.raises(VariantNotFound):
            _find("llama3.1", "9b")
    assert library.registry.count("/manifests/9b") == 1


@pytest.mark.parametrize(("name", "tag"), [("gpt-oss", "20b-cloud"), ("deepseek-v4-pro", "")])
def test_cloud_tags_are_refused(library: OllamaStandIn, name: str, tag: str) -> None:
    with pytest.raises(CloudOnly, match="no weights"):
        _find(name, tag)


def test_a_model_of_the_cloud_alone_sends_nobody_to_another_tag(library: OllamaStandIn) -> None:
    with pytest.raises(CloudModel) as raised:
        _find("deepseek-v4-pro", "")
    assert "another tag" not in raised.value.next_step


def test_a_model_for_mlx_alone_is_refused_as_such(library: OllamaStandIn) -> None:
    library.add(Library("apple-only", (mlx_tag("8b-mlx"),)))
    with pytest.raises(MlxOnly, match="none of GGUF"):
        _find("apple-only")


def test_mlx_tags_are_refused(library: OllamaStandIn) -> None:
    with pytest.raises(MlxOnly, match="MLX"):
        _find("qwen3", "8b-mlx")


def test_a_tag_without_weights_is_refused(library: OllamaStandIn) -> None:
    empty = Tag("latest", (("template", b"x"),), {"model_format": "gguf"})
    library.add(Library("empty", (empty,)))
    with pytest.raises(NothingToServe):
        _find("empty")


def test_a_broken_tags_page_leaves_the_manifest(library: OllamaStandIn) -> None:
    library.site.fail("/tags", NONSENSE)
    assert _find("llama3.1", "8b").variants[0].weight_bytes == 4_920_738_944


def test_a_broken_registry_leaves_the_listed_sizes(library: OllamaStandIn) -> None:
    library.registry.fail("/manifests/", MAINTENANCE)
    (variant,) = [item for item in _find("llama3.1", "8b").variants if item.name == "8b"]
    assert not variant.size_is_exact
    assert variant.weight_bytes == 4_900_000_000


@pytest.mark.parametrize(
    "reply",
    [
        MAINTENANCE,
        TOO_OLD,
        text("<html>", 200),
        json([]),
        json({"layers": None}),
        json({"layers": [{"mediaType": 7}]}),
        json({"layers": [{"mediaType": "x", "digest": "sha256:../../etc", "size": 1}]}),
        json({"layers": [{"mediaType": "x", "digest": f"sha256:{'0' * 64}", "size": -1}]}),
        text("[" * 100_000),
        Reply(200, b"\xff" * (2 << 20)),
    ],
    ids=range(10),
)
def test_manifests_that_make_no_sense(library: OllamaStandIn, reply: Reply) -> None:
    library.registry.fail("/manifests/", reply)
    with pytest.raises(RegistryError) as raised:
        _find("unlisted")
    assert type(raised.value) is RegistryError


def test_a_registry_that_is_down(library: OllamaStandIn) -> None:
    library.site.drop()
    with pytest.raises(RegistryDown):
        _find("llama3.1")


def test_a_registry_that_hangs(library: OllamaStandIn, settings: Settings) -> None:
    settings.REGISTRY_TIMEOUT = 0.3
    library.site.hang()
    with pytest.raises(RegistryTimeout):
        ollama.search(SearchQuery("qwen"))


def test_a_registry_that_asks_us_to_wait(library: OllamaStandIn) -> None:
    library.site.rate_limit(wait=30)
    with pytest.raises(RateLimited) as raised:
        ollama.search(SearchQuery("qwen"))
    assert raised.value.retry_after == 30


def test_the_header_is_read_once_through_the_redirect(library: OllamaStandIn) -> None:
    model = _find("gemma3", "4b")
    variant = ollama.variant_for(model, model.ref)
    for _ in range(2):
        assert ollama.architecture(model, variant).sliding_window == 1024
    assert library.storage.count(digest_of(Sparse(b"", 0))[:7]) == 2
    assert library.storage.requests[-1].headers["range"] == "bytes=0-65535"


def test_a_listed_size_is_enough_to_read_the_header(library: OllamaStandIn) -> None:
    model = _find("llama3.1")
    (variant,) = [item for item in model.variants if item.name == "70b"]
    assert ollama.architecture(model, variant).layers == 80


def test_weights_that_cannot_be_read(library: OllamaStandIn) -> None:
    model = _find("llama3.1", "70b")
    library.storage.fail("/data/", text("gone", 410))
    with pytest.raises(UnreadableHeader):
        ollama.architecture(model, ollama.variant_for(model, model.ref))
