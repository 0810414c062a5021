from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pytest_django.fixtures import Settings

from tests.standins import gguf
from tests.standins.huggingface import HuggingFaceStandIn
from tests.standins.huggingface_models import conversion
from tests.standins.ollama import NONSENSE, OllamaStandIn
from tests.standins.server import text
from wizard.registry import catalogue, lookup
from wizard.registry.errors import (
    CloudOnly,
    ModelNotFound,
    RateLimited,
    RegistryDown,
    VariantNotFound,
)
from wizard.registry.values import (
    Format,
    Model,
    ModelFile,
    ModelRef,
    Origin,
    SearchQuery,
    Source,
    Variant,
)


@pytest.fixture
def library(hub: HuggingFaceStandIn, settings: Settings) -> Iterator[OllamaStandIn]:
    """Both registries: the Hub of the room and an Ollama library."""
    with OllamaStandIn() as standin:
        settings.OLLAMA_URL = standin.url
        settings.OLLAMA_REGISTRY_URL = standin.registry_url
        yield standin


def _ollama(name: str, tag: str = "", namespace: str = "library") -> ModelRef:
    return ModelRef(Source.OLLAMA, namespace, name, tag)


def _hub(repo: str, tag: str = "", file: str = "") -> ModelRef:
    namespace, _, name = repo.partition("/")
    return ModelRef(Source.HUGGING_FACE, namespace, name, tag, file)


def _gguf(*quantisations: str, parameters: int = 8_000_000_000) -> Model:
    variants = tuple(
        Variant(name, Format.GGUF, name, (ModelFile(f"model-{name}.gguf", 1),))
        for name in quantisations
    )
    known = catalogue.find(_hub("Qwen/Qwen3-8B-GGUF"))
    return replace(known, variants=variants, parameters=parameters)


def test_it_works(library: OllamaStandIn) -> None:
    model = lookup.find(_ollama("llama3.1", "8b"))
    variant = lookup.variant_for(model, model.ref)
    assert model.origin is Origin.LIVE
    assert variant.weight_bytes == 4_920_738_944
    assert lookup.architecture(model, variant).layers == 32


def test_offline_works_from_the_catalogue(settings: Settings) -> None:
    settings.OFFLINE = True
    page = lookup.search(SearchQuery("llama3.1"))
    assert page.origin is Origin.CATALOGUE
    assert "offline" in page.notices[0]
    model = lookup.find(page.models[0].ref)
    assert lookup.architecture(model, lookup.variant_for(model, model.ref)).exact


def test_popular_asks_no_registry(library: OllamaStandIn, hub: HuggingFaceStandIn) -> None:
    assert len(lookup.popular(8).models) == 8
    assert library.site.requests == []


def test_search_merges_both_registries(library: OllamaStandIn) -> None:
    page = lookup.search(SearchQuery("qwen3"))
    assert {model.ref.source for model in page.models} == set(Source)
    assert page.models[0].ref == _ollama("qwen3")
    assert page.notices == ()
    assert page.origin is Origin.LIVE


def test_search_asks_only_the_registry_that_is_wanted(library: OllamaStandIn) -> None:
    page = lookup.search(SearchQuery("qwen", source=Source.HUGGING_FACE))
    assert {model.ref.source for model in page.models} == {Source.HUGGING_FACE}
    assert library.site.requests == []


def test_a_registry_that_is_down_is_replaced_with_a_notice(library: OllamaStandIn) -> None:
    library.site.drop()
    page = lookup.search(SearchQuery("gpt-oss"))
    origins = {model.ref.source: model.origin for model in page.models}
    assert origins[Source.OLLAMA] is Origin.CATALOGUE
    assert page.notices == (
        "The Ollama library is out of reach; showing what we knew on 21 August 2026.",
    )


def test_a_page_that_cannot_be_read_is_replaced_too(library: OllamaStandIn) -> None:
    library.site.fail("/search", NONSENSE)
    page = lookup.search(SearchQuery("llama3.1", source=Source.OLLAMA))
    assert page.models
    assert "cannot read" in page.notices[0]


def test_a_registry_that_asks_us_to_wait_is_replaced(library: OllamaStandIn) -> None:
    library.site.rate_limit(wait=20)
    page = lookup.search(SearchQuery("llama3.1", source=Source.OLLAMA))
    assert "asks us to wait" in page.notices[0]


def test_find_falls_back_to_the_catalogue(library: OllamaStandIn) -> None:
    library.site.drop()
    library.registry.drop()
    model = lookup.find(_ollama("llama3.1", "8b"))
    assert model.origin is Origin.CATALOGUE
    variant = lookup.variant_for(model, model.ref)
    assert variant.name == "8b"
    assert lookup.architecture(model, variant).layers == 32


def test_what_the_catalogue_lacks_too_is_the_registrys_failure(library: OllamaStandIn) -> None:
    library.site.drop()
    library.registry.drop()
    with pytest.raises(RegistryDown):
        lookup.find(_ollama("never-heard-of"))


def test_a_wait_is_told_where_the_catalogue_does_not_help(library: OllamaStandIn) -> None:
    library.site.rate_limit(wait=20)
    with pytest.raises(RateLimited):
        lookup.find(_ollama("never-heard-of"))


def test_the_catalogues_refusal_stands_for_a_registry_that_is_down(library: OllamaStandIn) -> None:
    library.site.drop()
    with pytest.raises(CloudOnly):
        lookup.find(_ollama("kimi-k3", "cloud"))


def test_a_definite_answer_is_not_replaced(library: OllamaStandIn) -> None:
    with pytest.raises(VariantNotFound):
        lookup.find(_ollama("llama3.1", "405b"))
    with pytest.raises(ModelNotFound):
        lookup.find(_ollama("vicuna"))


def test_an_unreadable_header_falls_back_to_the_catalogue(library: OllamaStandIn) -> None:
    model = lookup.find(_ollama("llama3.1", "70b"))
    library.storage.fail("/data/", text("no GGUF at all"))
    assert lookup.architecture(model, lookup.variant_for(model, model.ref)).layers == 80


def _in_two_parts(hub: HuggingFaceStandIn, second: bytes) -> Model:
    keys = gguf.llama(vocab=512)
    tables = {"token_embd.weight": [64, 512], "output.weight": [64, 512]}
    parts = (gguf.file(keys, tables), second)
    files = {f"M-Q4_0-{n:05}-of-00002.gguf": part for n, part in enumerate(parts, 1)}
    hub.add(conversion("acme/packed-GGUF", "acme/packed", keys, 10**6, {}, files))
    return lookup.find(_hub("acme/packed-GGUF"))


def test_a_list_of_tensors_is_read_from_all_parts(hub: HuggingFaceStandIn) -> None:
    blocks = {f"blk.{layer}.ffn_up.weight": [64, 128] for layer in range(2)}
    model = _in_two_parts(hub, gguf.file({"split.count": 2}, blocks))
    found = lookup.with_tensors(model, model.variants[0]).tensors
    assert found is not None
    assert (found.inputs, found.output, found.blocks) == (131_072, 131_072, (32_768, 32_768))


def test_a_list_that_cannot_be_read_leaves_a_variant_as_it_is(hub: HuggingFaceStandIn) -> None:
    model = _in_two_parts(hub, b"no GGUF at all")
    for _ in range(2):
        assert lookup.with_tensors(model, model.variants[0]) == model.variants[0]
    # One range of each part: a failure is remembered.
    assert len(hub.cdn.requests) == 2


def test_a_tag_chosen_by_name_becomes_exact(library: OllamaStandIn) -> None:
    model = lookup.find(_ollama("llama3.1"))
    variant = lookup.variant_for(model, model.ref, "70b")
    assert variant.size_is_exact
    assert variant.weight_bytes == 42_520_398_176


def test_a_tag_keeps_its_listed_size_while_the_registry_is_down(library: OllamaStandIn) -> None:
    model = lookup.find(_ollama("llama3.1"))
    library.registry.drop()
    assert not lookup.variant_for(model, model.ref, "70b").size_is_exact


@pytest.mark.parametrize(
    ("pasted", "refs"),
    [
        ("llama3.1:8b", [_ollama("llama3.1", "8b")]),
        ("ollama run llama3.1", [_ollama("llama3.1")]),
        ("https://ollama.com/library/qwen3", [_ollama("qwen3")]),
        ("hf.co/Qwen/Qwen3-8B-GGUF:Q4_K_M", [_hub("Qwen/Qwen3-8B-GGUF", "Q4_K_M")]),
        (
            "https://huggingface.co/Qwen/Qwen3-8B-GGUF/blob/main/Qwen3-8B-Q8_0.gguf",
            [_hub("Qwen/Qwen3-8B-GGUF", file="Qwen3-8B-Q8_0.gguf")],
        ),
        ("a model for cooking", []),
        ("https://example.org/x", []),
        ("", []),
    ],
)
def test_what_a_person_pastes(pasted: str, refs: list[ModelRef]) -> None:
    assert list(lookup.resolve(pasted)) == refs


def test_a_bare_name_that_the_catalogue_knows_comes_first(settings: Settings) -> None:
    settings.OFFLINE = True
    assert lookup.resolve("Qwen/Qwen3-8B")[0].source is Source.HUGGING_FACE


def test_a_bare_name_is_tried_in_both_registries(library: OllamaStandIn) -> None:
    first, second = lookup.resolve("jaahas/crow")
    assert (first.source, second.source) == (Source.OLLAMA, Source.HUGGING_FACE)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("Q2_K", "Q4_K_M", "Q8_0"), "Q4_K_M"),
        (("Q2_K", "Q4_K_S", "Q5_K_M"), "Q4_K_S"),
        (("Q5_K_M", "IQ4_XS"), "Q5_K_M"),
        (("UD-Q4_K_XL", "BF16"), "UD-Q4_K_XL"),
        (("BF16", "MXFP4"), "MXFP4"),
        (("Q3_K_M", "Q2_K"), "Q3_K_M"),
    ],
)
def test_the_default_is_four_bits_or_next_to_it(names: tuple[str, ...], chosen: str) -> None:
    model = _gguf(*names)
    assert lookup.variant_for(model, model.ref).name == chosen


def test_small_models_get_eight_bits() -> None:
    model = _gguf("Q4_K_M", "Q8_0", parameters=600_000_000)
    assert lookup.variant_for(model, model.ref).name == "Q8_0"


def test_a_variant_is_found_by_name_tag_and_file() -> None:
    model = _gguf("Q4_K_M", "Q8_0")
    assert lookup.variant_for(model, model.ref, "q8_0").name == "Q8_0"
    assert lookup.variant_for(model, replace(model.ref, tag="Q8_0")).name == "Q8_0"
    assert lookup.variant_for(model, replace(model.ref, file="model-Q8_0.gguf")).name == "Q8_0"


def test_a_variant_that_does_not_exist_names_those_that_do() -> None:
    model = _gguf("Q4_K_M", "Q8_0")
    with pytest.raises(VariantNotFound) as raised:
        lookup.variant_for(model, model.ref, "Q9")
    assert "Q4_K_M, Q8_0" in raised.value.next_step


def test_a_model_without_variants_says_so() -> None:
    model = _gguf()
    with pytest.raises(VariantNotFound, match="no variant"):
        lookup.variant_for(model, model.ref)
