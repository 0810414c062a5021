from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wizard.registry import catalogue
from wizard.registry import catalogue_store as store
from wizard.registry.catalogue_store import CatalogueDamaged
from wizard.registry.errors import CloudModel, CloudOnly, MlxOnly, NotInCatalogue
from wizard.registry.values import (
    Architecture,
    Format,
    Gating,
    Model,
    ModelFile,
    ModelRef,
    Origin,
    SearchQuery,
    Source,
    Variant,
)

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SIZES = st.integers(0, 1 << 50)
FILES = st.builds(ModelFile, WORDS, SIZES, WORDS)
VARIANTS = st.builds(
    Variant,
    name=WORDS,
    format=st.sampled_from(Format),
    quantisation=WORDS,
    files=st.lists(FILES, max_size=3).map(tuple),
    projector=st.none() | FILES,
    parameters=st.none() | SIZES,
    context_length=st.none() | SIZES,
    digest=WORDS,
    size_is_exact=st.booleans(),
    requires=WORDS,
    architecture_name=WORDS,
)


def _ollama(name: str, tag: str = "") -> ModelRef:
    return ModelRef(Source.OLLAMA, "library", name, tag)


def _hub(repo: str) -> ModelRef:
    namespace, _, name = repo.partition("/")
    return ModelRef(Source.HUGGING_FACE, namespace, name)


def _architecture(ref: ModelRef) -> Architecture:
    model = catalogue.find(ref)
    variant = next((item for item in model.variants if item.name == ref.tag), model.variants[0])
    return catalogue.architecture(model, variant)


def _names(query: SearchQuery) -> list[str]:
    return [model.ref.repo for model in catalogue.search(query).models]


def _models(source: Source) -> Iterator[Model]:
    for entry in catalogue.load().entries:
        if entry.source is source and "variants" in entry.record:
            yield catalogue.find(store.ref_from(entry.record, source))


def test_it_works() -> None:
    model = catalogue.find(_ollama("llama3.1", "8b"))
    assert model.origin is Origin.CATALOGUE
    assert model.capabilities == {"tools"}
    variant = next(item for item in model.variants if item.name == "8b")
    assert variant.weight_bytes == 4_920_738_944
    assert variant.size_is_exact
    assert catalogue.architecture(model, variant).kv_heads == (8,) * 32


def test_it_knows_enough_of_both_registries() -> None:
    ollama, hub = list(_models(Source.OLLAMA)), list(_models(Source.HUGGING_FACE))
    listed = [entry for entry in catalogue.load().entries if entry.source is Source.OLLAMA]
    assert len(listed) >= 230
    assert sum(len(model.variants) for model in ollama) >= 7000
    assert len(hub) >= 500
    assert sum("gguf" in model.tags for model in hub) >= 150


@pytest.mark.parametrize("source", Source)
def test_every_model_can_be_sized(source: Source) -> None:
    for model in _models(source):
        names = [variant.name for variant in model.variants]
        assert len(set(names)) == len(names), model.ref
        for variant in model.variants:
            assert variant.weight_bytes > 0, (model.ref, variant.name)
            found = catalogue.architecture(model, variant)
            assert len(found.kv_heads) == found.layers > 0, model.ref
            assert found.context_length > 0, model.ref
            assert found.embedding_length > 0 and found.key_length > 0, model.ref


def test_no_variant_reads_more_than_its_shape_has_positions_for() -> None:
    shapes = store.read_file(store.DIRECTORY / "architectures.json.gz")["architectures"]
    models = store.read_file(store.DIRECTORY / "huggingface.json.gz")["models"]
    rows = [row for model in models for row in model["variants"] if store.architecture_key(row)]
    read = [(row[6], shapes[store.architecture_key(row)].get("context_length")) for row in rows]
    assert len(read) > 1000
    assert [pair for pair in read if pair[0] and pair[0] > pair[1]] == []


def test_gguf_variants_name_a_file_of_the_repository() -> None:
    for model in _models(Source.HUGGING_FACE):
        for variant in model.variants:
            suffix = ".gguf" if variant.format is Format.GGUF else ".safetensors"
            assert all(file.path.endswith(suffix) for file in variant.files), model.ref


@pytest.mark.parametrize(
    ("ref", "window", "full_layers"),
    [
        (_ollama("gemma2", "9b"), 4096, 21),
        (_ollama("gemma3", "27b"), 1024, 10),
        (_ollama("gpt-oss", "20b"), 128, 12),
        (_ollama("command-r7b", "7b"), 4096, 8),
        (_hub("google/gemma-4-31B-it"), 1024, 10),
        (_hub("openai/gpt-oss-120b"), 128, 18),
    ],
    ids=str,
)
def test_sliding_windows_are_known(ref: ModelRef, window: int, full_layers: int) -> None:
    found = _architecture(ref)
    assert found.sliding_window == window
    assert found.sliding_layers.count(False) == full_layers


@pytest.mark.parametrize(
    ("ref", "layers"),
    [
        (_ollama("deepseek-r1", "671b"), 61),
        (_ollama("deepseek-v2", "16b"), 27),
        (_hub("deepseek-ai/DeepSeek-V3"), 61),
        (_hub("moonshotai/Kimi-K2-Instruct"), 61),
    ],
    ids=str,
)
def test_latent_attention_is_known(ref: ModelRef, layers: int) -> None:
    found = _architecture(ref)
    assert (found.kv_lora_rank, found.rope_dimension, found.layers) == (512, 64, layers)


@pytest.mark.parametrize(
    ("ref", "attention"),
    [
        (_ollama("qwen3-next", "80b"), 12),
        (_ollama("qwen3.5", "27b"), 16),
        (_ollama("nemotron-3-nano", "30b"), 6),
        (_hub("Qwen/Qwen3.5-9B"), 8),
        (_hub("LiquidAI/LFM2-8B-A1B"), 6),
    ],
    ids=str,
)
def test_recurrent_layers_keep_no_keys(ref: ModelRef, attention: int) -> None:
    found = _architecture(ref)
    assert sum(count > 0 for count in found.kv_heads) == attention
    assert any(found.recurrent_layers)


def test_a_conversion_has_the_shape_of_its_original() -> None:
    copy, original = _hub("Qwen/Qwen3-8B-GGUF"), _hub("Qwen/Qwen3-8B")
    assert _architecture(copy).kv_heads == _architecture(original).kv_heads


def test_a_distilled_tag_has_the_shape_of_what_it_was_distilled_into() -> None:
    assert _architecture(_ollama("deepseek-r1", "8b")).name == "qwen3"
    assert _architecture(_ollama("deepseek-r1", "70b")).layers == 80


def test_an_unknown_model_is_derived_and_says_so() -> None:
    known = catalogue.find(_hub("Qwen/Qwen3-8B"))
    unknown = Model(_hub("me/mine"), "mine", Origin.LIVE, known.as_of, parameters=8_000_000_000)
    found = catalogue.architecture(unknown, known.variants[0])
    truth = catalogue.architecture(known, known.variants[0])
    assert not found.exact
    assert sum(found.kv_heads) * found.key_length >= sum(truth.kv_heads) * truth.key_length


def test_a_finetune_has_the_shape_of_its_base_model() -> None:
    known = catalogue.find(_hub("Qwen/Qwen3-8B"))
    tuned = Model(_hub("me/mine"), "mine", Origin.LIVE, known.as_of, base_model="Qwen/Qwen3-8B")
    assert catalogue.architecture(tuned, known.variants[0]).layers == 36


def test_an_unlisted_tag_has_the_shape_of_its_size() -> None:
    model = catalogue.find(_ollama("llama3.1"))
    tag = Variant("70b-new", Format.GGUF, "Q4_K_M", (ModelFile("", 1),))
    assert catalogue.architecture(model, tag).layers == 80


def test_gated_families_are_marked() -> None:
    assert catalogue.find(_hub("meta-llama/Llama-3.1-8B-Instruct")).gating is Gating.MANUAL
    assert catalogue.find(_hub("google/gemma-3-4b-it")).gating is not Gating.OPEN
    assert catalogue.find(_hub("Qwen/Qwen3-8B")).gating is Gating.OPEN


def test_names_are_found_in_any_case() -> None:
    assert catalogue.find(_hub("qwen/qwen3-8b")).ref.repo == "Qwen/Qwen3-8B"


def test_an_unknown_name_is_not_found() -> None:
    with pytest.raises(NotInCatalogue, match="me/nothing"):
        catalogue.find(_hub("me/nothing"))


@pytest.mark.parametrize(
    ("name", "tag"), [("deepseek-v3.1", "671b-cloud"), ("kimi-k3", ""), ("glm-5.1", "cloud")]
)
def test_cloud_tags_are_refused(name: str, tag: str) -> None:
    with pytest.raises(CloudOnly):
        catalogue.find(_ollama(name, tag))


def test_a_model_of_the_cloud_alone_sends_nobody_to_another_tag() -> None:
    with pytest.raises(CloudModel) as raised:
        catalogue.find(_ollama("kimi-k3", "cloud"))
    assert "another tag" not in raised.value.next_step
    assert "Search for its name" in raised.value.next_step


def test_mlx_tags_are_refused() -> None:
    with pytest.raises(MlxOnly):
        catalogue.find(_ollama("gemma4", "e2b-mlx"))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("llama3.1", "llama3.1"),
        ("llama 3.1", "llama3.1"),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("qwen3 8b gguf", "Qwen/Qwen3-8B-GGUF"),
        ("GPT-OSS", "gpt-oss"),
    ],
)
def test_the_closest_name_comes_first(text: str, first: str) -> None:
    assert _names(SearchQuery(text))[0] == first


def test_search_filters() -> None:
    assert set(_names(SearchQuery("llama", source=Source.OLLAMA))) >= {"llama3.1", "llama3.2"}
    assert all(name.startswith("Qwen/") for name in _names(SearchQuery(author="qwen")))
    small = catalogue.search(SearchQuery("qwen", max_bytes=1_000_000_000)).models
    assert small and all(0 < (model.smallest_bytes or 0) <= 1_000_000_000 for model in small)
    embedding = catalogue.search(SearchQuery(task="feature-extraction")).models
    assert embedding and all(model.task == "feature-extraction" for model in embedding)
    free = catalogue.search(SearchQuery(licence="MIT")).models
    assert free and all(model.licence == "mit" for model in free)


@pytest.mark.parametrize("sort", ["downloads", "likes", "trending", "newest", "name", "nonsense"])
def test_pages_do_not_overlap(sort: str) -> None:
    pages = [catalogue.search(SearchQuery("qwen", sort=sort, page=page)) for page in (1, 2)]
    first, second = ({str(model.ref) for model in page.models} for page in pages)
    assert len(first) == len(second) == catalogue.PAGE_SIZE
    assert not first & second
    assert pages[0].has_next and (pages[0].total or 0) > 40


def test_sorting_sorts() -> None:
    likes = [model.likes or 0 for model in catalogue.search(SearchQuery(sort="likes")).models]
    assert likes == sorted(likes, reverse=True)
    newest = [model.updated for model in catalogue.search(SearchQuery(sort="newest")).models]
    assert newest == sorted(
        newest, key=lambda day: day or datetime.min.replace(tzinfo=UTC), reverse=True
    )
    names = [model.ref.name.lower() for model in catalogue.search(SearchQuery(sort="name")).models]
    assert names == sorted(names)


@given(text=st.text(max_size=80), page=st.integers(-5, 10**9))
def test_any_text_can_be_searched_for(text: str, page: int) -> None:
    found = catalogue.search(SearchQuery(text, page=page))
    assert len(found.models) <= catalogue.PAGE_SIZE


def test_popular_models_come_from_both_registries() -> None:
    models = catalogue.popular(12)
    assert len(models) == 12
    assert {model.ref.source for model in models} == set(Source)
    assert all(model.smallest_bytes for model in models)


@given(VARIANTS)
def test_variants_survive_their_row(variant: Variant) -> None:
    row = store.variant_row(variant, "key")
    assert store.variant_from(row) == variant
    assert store.architecture_key(row) == "key"


def test_architectures_survive_their_record() -> None:
    for record in catalogue.load().architectures.values():
        found = store.architecture_from(record)
        again = orjson.loads(orjson.dumps(store.architecture_record(found)))
        assert store.architecture_from(again) == found
        assert again == record


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        store.write_file(tmp_path / f"{name}.json.gz", {"models": [{"b": 1, "a": 2}]})
    assert (tmp_path / "one.json.gz").read_bytes() == (tmp_path / "two.json.gz").read_bytes()


def test_the_bundled_files_are_small() -> None:
    files = list(store.DIRECTORY.glob("*.json.gz"))
    assert len(files) == 3
    assert sum(file.stat().st_size for file in files) < 600_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        gzip.compress(b"{", mtime=0),
        gzip.compress(b"[]", mtime=0),
        gzip.compress(b'{"schema":0}', mtime=0),
    ],
    ids=["empty", "no gzip", "broken JSON", "no object", "another schema"],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ollama.json.gz"
    path.write_bytes(content)
    with pytest.raises(CatalogueDamaged, match=r"ollama\.json\.gz"):
        store.read_file(path)


def test_records_carry_no_defaults() -> None:
    model = Model(_hub("me/mine"), "mine", Origin.LIVE, datetime(2026, 1, 1, tzinfo=UTC))
    assert orjson.dumps(store.model_record(model)) == b'{"repo":"me/mine"}'
