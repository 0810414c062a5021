from __future__ import annotations

from dataclasses import replace

import pytest
from pytest_django.fixtures import Settings

from tests.standins import gguf, server
from tests.standins.huggingface import HuggingFaceStandIn
from tests.standins.huggingface_models import LLAMA_32_1B, QWEN3_CONFIG, conversion, text, weights
from tests.standins.huggingface_repo import Repo
from tests.standins.server import Reply, Sparse
from wizard.registry import huggingface
from wizard.registry.errors import (
    InvalidName,
    ModelGated,
    ModelNotFound,
    ModelPrivate,
    NothingToServe,
    RateLimited,
    RegistryDown,
    RegistryError,
    RegistryTimeout,
    UnreadableHeader,
    UnsupportedArchitecture,
)
from wizard.registry.values import Format, Gating, Model, ModelRef, Source


def ref(repo: str, **more: str) -> ModelRef:
    namespace, _, name = repo.partition("/")
    return ModelRef(Source.HUGGING_FACE, namespace, name, **more)


def find(repo: str, **more: str) -> Model:
    return huggingface.find(ref(repo, **more))


def safetensors(config: bytes) -> dict[str, bytes | Sparse]:
    """The files of the plainest repository that vLLM loads."""
    return {"model.safetensors": weights(1), "config.json": config}


def test_it_works(hub: HuggingFaceStandIn) -> None:
    model = find("Qwen/Qwen3-8B-GGUF")
    assert (model.licence, model.gating, model.base_model) == (
        "apache-2.0",
        Gating.OPEN,
        "Qwen/Qwen3-8B",
    )
    assert [variant.name for variant in model.variants] == [
        "Q4_K_M",
        "Q5_K_M",
        "Q6_K",
        "Q8_0",
        "BF16",
    ]
    assert model.revision == hub.repos["Qwen/Qwen3-8B-GGUF"].sha
    assert (model.parameters, model.context_length) == (8_190_735_360, 40_960)
    assert model.capabilities == {"completion", "tools", "thinking"}
    first = model.variants[0].files[0]
    assert (first.path, len(first.sha256)) == ("Qwen3-8B-Q4_K_M.gguf", 64)


def test_a_split_variant_is_the_sum_of_its_parts(hub: HuggingFaceStandIn) -> None:
    variant = find("Qwen/Qwen3-8B-GGUF").variants[-1]
    assert len(variant.files) == 2
    assert variant.weight_bytes == 2 * int(7.63 * (1 << 30))


def test_the_header_is_read_in_one_range_through_the_cdn(hub: HuggingFaceStandIn) -> None:
    model = find("Qwen/Qwen3-8B-GGUF")
    found = huggingface.architecture(model, model.variants[0])
    assert (found.name, found.layers, found.kv_heads[0], found.key_length) == ("qwen3", 36, 8, 128)
    assert found.exact
    assert [request.headers["range"] for request in hub.cdn.requests] == ["bytes=0-65535"]


def test_facts_are_asked_for_once(hub: HuggingFaceStandIn) -> None:
    for _ in range(3):
        model = find("Qwen/Qwen3-8B-GGUF")
        huggingface.architecture(model, model.variants[0])
    assert (hub.hub.count("/api/models/"), hub.hub.count("/resolve/")) == (1, 1)


def test_a_rename_is_followed(hub: HuggingFaceStandIn) -> None:
    model = find("Qwen-Team/Qwen3-8B-GGUF", tag="Q8_0")
    assert (model.ref.repo, model.ref.tag) == ("Qwen/Qwen3-8B-GGUF", "Q8_0")
    assert hub.hub.count("Qwen-Team") == 1


def test_safetensors_are_one_variant_without_copies(hub: HuggingFaceStandIn) -> None:
    model = find("openai/gpt-oss-120b")
    (variant,) = model.variants
    assert (variant.format, variant.name, len(variant.files)) == (Format.SAFETENSORS, "MXFP4", 15)
    assert variant.weight_bytes == 15 * int(4.05 * (1 << 30))
    assert model.gguf_repos == ("ggml-org/gpt-oss-120b-GGUF",)
    found = huggingface.architecture(model, variant)
    assert (found.sliding_window, found.quant_method) == (128, "mxfp4")


def test_how_weights_are_quantised_may_stand_in_a_file_of_its_own(
    hub: HuggingFaceStandIn,
) -> None:
    algorithms = {"quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}
    apart = {"producer": {"name": "modelopt"}, "quantization": algorithms}
    files = safetensors(text(QWEN3_CONFIG)) | {"hf_quant_config.json": text(apart)}
    hub.add(Repo("acme/nvfp4", files, safetensors={"U8": 4_000_000_000, "BF16": 1_000_000}))
    model = find("acme/nvfp4")
    found = huggingface.architecture(model, model.variants[0])
    assert (found.quant_method, found.weight_bits, found.kv_cache_type) == ("modelopt", 4.5, "fp8")


def test_packed_weights_without_a_word_are_read_as_the_config_tells(
    hub: HuggingFaceStandIn,
) -> None:
    hub.add(Repo("acme/u8", safetensors(text(QWEN3_CONFIG)), safetensors={"U8": 4_000_000_000}))
    model = find("acme/u8")
    found = huggingface.architecture(model, model.variants[0])
    assert (found.quant_method, found.kv_cache_type) == ("", "")


def test_the_index_decides_where_names_do_not(hub: HuggingFaceStandIn) -> None:
    index = {"weight_map": {"a": "left.safetensors", "b": "right.safetensors"}}
    files = {
        name: weights(1) for name in ("left.safetensors", "right.safetensors", "old.safetensors")
    }
    more = {"config.json": text(QWEN3_CONFIG), "model.safetensors.index.json": text(index)}
    config = {"architectures": ["Qwen3ForCausalLM"], "tokenizer_config": {}}
    hub.add(Repo("acme/odd", {**files, **more}, config=config))
    (variant,) = find("acme/odd").variants
    assert [file.path for file in variant.files] == ["left.safetensors", "right.safetensors"]


@pytest.mark.parametrize("index", [b"[]", b'{"weight_map": []}', b'{"weight_map": {"a": 5}}'])
def test_an_index_that_makes_no_sense_is_passed_over(hub: HuggingFaceStandIn, index: bytes) -> None:
    files = {**safetensors(text(QWEN3_CONFIG)), "old.safetensors": weights(1)}
    files["model.safetensors.index.json"] = index
    hub.add(Repo("acme/odd", files, config={"architectures": ["Qwen3ForCausalLM"]}))
    (variant,) = find("acme/odd").variants
    assert [file.path for file in variant.files] == ["model.safetensors"]


def test_a_model_is_found_while_its_conversions_are_not(hub: HuggingFaceStandIn) -> None:
    hub.hub.fail("/api/models$", server.text("<html>"))
    assert find("Qwen/Qwen3-8B").gguf_repos == ()


def test_the_licence_of_a_card_that_says_other(hub: HuggingFaceStandIn) -> None:
    card = {"license": "other", "license_name": "acme-licence", "base_model": ["a/b", "c/d"]}
    hub.add(Repo("acme/own", safetensors(text(QWEN3_CONFIG)), card=card, tags=("license:other",)))
    model = find("acme/own")
    assert (model.licence, model.base_model) == ("acme-licence", "a/b")


def test_a_model_without_a_card_tells_by_its_tags(hub: HuggingFaceStandIn) -> None:
    tags = ("license:mit", "base_model:quantized:a/b")
    hub.add(Repo("acme/bare", safetensors(text(QWEN3_CONFIG)), tags=tags))
    model = find("acme/bare")
    assert (model.licence, model.base_model) == ("mit", "a/b")


def test_a_repository_with_both_formats_offers_both(hub: HuggingFaceStandIn) -> None:
    repo = conversion("acme/both", "a/b", LLAMA_32_1B, 10**9, {"M-BF16.gguf": 2, "M-Q4_0.gguf": 1})
    files = {**repo.files, **safetensors(text(QWEN3_CONFIG))}
    classes = {
        "architectures": ["Qwen3ForCausalLM"],
        "quantization_config": {"quant_method": "fp8"},
    }
    hub.add(replace(repo, files=files, config=classes))
    model = find("acme/both")
    assert [variant.name for variant in model.variants] == ["Q4_0", "BF16", "FP8"]
    assert huggingface.architecture(model, model.variants[2]).layers == 36
    hub.add(replace(repo, id="acme/same", files=files, safetensors={"BF16": 10**9}))
    names = [variant.name for variant in find("acme/same").variants]
    assert names == ["Q4_0", "BF16", "BF16-safetensors"]


def test_a_vision_model_has_a_projector(hub: HuggingFaceStandIn) -> None:
    model = find("ggml-org/gemma-3-12b-it-GGUF")
    assert "vision" in model.capabilities
    projector = model.variants[0].projector
    assert projector is not None
    assert projector.path == "mmproj-model-f16.gguf"


def test_an_embedding_model(hub: HuggingFaceStandIn) -> None:
    model = find("CompendiumLabs/bge-small-en-v1.5-gguf")
    assert model.capabilities == {"embedding"}
    assert model.chat_template is False
    assert not huggingface.architecture(model, model.variants[0]).causal


def test_a_gated_model_is_shown_and_its_files_are_not(hub: HuggingFaceStandIn) -> None:
    model = find("meta-llama/Llama-3.3-70B-Instruct")
    assert model.gating is Gating.MANUAL
    assert model.variants[0].weight_bytes == 30 * int(4.38 * (1 << 30))
    assert model.gguf_repos == ("bartowski/Llama-3.3-70B-Instruct-GGUF",)
    with pytest.raises(ModelGated, match="terms") as raised:
        huggingface.architecture(model, model.variants[0])
    assert raised.value.link == "https://huggingface.co/meta-llama/Llama-3.3-70B-Instruct"


def test_the_site_s_own_token_opens_gated_files(
    hub: HuggingFaceStandIn, settings: Settings
) -> None:
    settings.HUGGING_FACE_TOKEN = "hf_site"
    hub.tokens.add("hf_site")
    model = find("meta-llama/Llama-3.3-70B-Instruct")
    assert huggingface.architecture(model, model.variants[0]).layers == 80


def test_a_token_never_reaches_the_cdn(hub: HuggingFaceStandIn, settings: Settings) -> None:
    settings.HUGGING_FACE_TOKEN = "hf_site"
    model = find("Qwen/Qwen3-8B-GGUF")
    huggingface.architecture(model, model.variants[0])
    assert "authorization" in hub.hub.requests[-1].headers
    assert all("authorization" not in request.headers for request in hub.cdn.requests)


@pytest.mark.parametrize("repo", ["no/such", "acme/secret-model"])
def test_private_and_missing_look_alike(hub: HuggingFaceStandIn, repo: str) -> None:
    for _ in range(2):
        with pytest.raises(ModelPrivate, match="private or does not exist"):
            find(repo)
    assert hub.hub.count(repo) == 1


def test_with_a_token_the_hub_says_that_it_is_missing(
    hub: HuggingFaceStandIn, settings: Settings
) -> None:
    settings.HUGGING_FACE_TOKEN = "hf_site"
    hub.tokens.add("hf_site")
    with pytest.raises(ModelNotFound):
        find("no/such")


def test_a_wrong_token_of_the_site_is_told(hub: HuggingFaceStandIn) -> None:
    message = "Invalid credentials in Authorization header"
    hub.hub.fail("/api/", server.json({}, 401, {"X-Error-Message": message}))
    with pytest.raises(RegistryError, match="own token"):
        find("Qwen/Qwen3-8B")


def test_a_missing_revision(hub: HuggingFaceStandIn) -> None:
    with pytest.raises(ModelNotFound, match="revision"):
        find("Qwen/Qwen3-8B-GGUF", revision="badrev")


def test_a_revision_is_kept_in_the_reference(hub: HuggingFaceStandIn) -> None:
    sha = hub.repos["Qwen/Qwen3-8B-GGUF"].sha
    model = find("Qwen/Qwen3-8B-GGUF", revision=sha)
    assert (model.ref.revision, model.revision) == (sha, sha)


def test_a_name_that_no_repository_has(hub: HuggingFaceStandIn) -> None:
    with pytest.raises(InvalidName):
        find("acme/..--..")
    assert hub.hub.count() == 0


@pytest.mark.parametrize(
    ("repo", "sentence"),
    [
        ("black-forest-labs/FLUX.1-schnell", "pictures"),
        (Repo("acme/x", {"a.bin": weights(1), "config.json": b"{}"}), "pickled"),
        (Repo("acme/x", {"model.onnx": weights(1)}), "ONNX"),
        (Repo("acme/x", {"README.md": b""}), "neither GGUF nor safetensors"),
        (Repo("acme/x", {"model.safetensors": weights(1)}), "layout"),
        (Repo("acme/x", {"adapter_config.json": b"", "adapter_model.safetensors": b""}), "LoRA"),
        (Repo("acme/x", {"a.safetensors": b"", "config.json": b""}, tags=("mlx",)), "MLX"),
        (Repo("acme/x", {"a.pt": b""}, pipeline_tag="text-to-speech"), "speech"),
    ],
)
def test_nothing_to_serve(hub: HuggingFaceStandIn, repo: Repo | str, sentence: str) -> None:
    if isinstance(repo, Repo):
        hub.add(repo)
    with pytest.raises(NothingToServe, match=sentence):
        find(repo.id if isinstance(repo, Repo) else repo)


def test_a_model_of_pictures_is_sent_to_no_conversion(hub: HuggingFaceStandIn) -> None:
    with pytest.raises(NothingToServe) as raised:
        find("black-forest-labs/FLUX.1-schnell")
    assert "GGUF" not in raised.value.next_step
    assert "writes text" in raised.value.next_step


def test_an_adapter_is_sent_to_its_base_model(hub: HuggingFaceStandIn) -> None:
    hub.add(Repo("acme/lora", {"adapter_config.json": b"", "adapter_model.safetensors": b""}))
    with pytest.raises(NothingToServe) as raised:
        find("acme/lora")
    assert raised.value.next_step.startswith("Take its base model")


def test_nothing_to_serve_names_the_conversions(hub: HuggingFaceStandIn) -> None:
    hub.add(Repo("meta-llama/Llama-3.2-1B-Instruct", {"pytorch_model.bin": weights(2)}))
    with pytest.raises(NothingToServe) as raised:
        find("meta-llama/Llama-3.2-1B-Instruct")
    assert raised.value.conversions == ("bartowski/Llama-3.2-1B-Instruct-GGUF",)
    assert "bartowski/Llama-3.2-1B-Instruct-GGUF" in raised.value.next_step


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("NeverHeardOfForCausalLM", "Neither vLLM nor llama.cpp"), ("DreamModel", "llama.cpp does")],
)
def test_an_architecture_that_vllm_does_not_serve(
    hub: HuggingFaceStandIn, name: str, sentence: str
) -> None:
    files = safetensors(text(QWEN3_CONFIG))
    hub.add(Repo("acme/new", files, config={"architectures": [name]}))
    with pytest.raises(UnsupportedArchitecture, match=sentence):
        find("acme/new")


def test_a_gguf_of_an_architecture_that_llama_cpp_does_not_know(hub: HuggingFaceStandIn) -> None:
    keys = gguf.llama("flux")
    hub.add(conversion("acme/flux-gguf", "acme/flux", keys, 10**9, {"flux-Q4_0.gguf": 1}))
    with pytest.raises(UnsupportedArchitecture, match="flux"):
        find("acme/flux-gguf")


def test_bitsandbytes_is_not_served(hub: HuggingFaceStandIn) -> None:
    files = safetensors(text(QWEN3_CONFIG))
    quantised = {"quantization_config": {"quant_method": "bitsandbytes"}}
    hub.add(Repo("acme/bnb", files, config={"architectures": ["Qwen3ForCausalLM"], **quantised}))
    with pytest.raises(NothingToServe):
        find("acme/bnb")


def test_rate_limited(hub: HuggingFaceStandIn) -> None:
    hub.hub.rate_limit("/api/", wait=9)
    with pytest.raises(RateLimited) as raised:
        find("Qwen/Qwen3-8B")
    assert raised.value.retry_after in (9, 10)


def test_a_silent_hub(hub: HuggingFaceStandIn, settings: Settings) -> None:
    settings.REGISTRY_TIMEOUT = 0.2
    hub.hub.hang("/api/")
    with pytest.raises(RegistryTimeout, match="Hugging Face"):
        find("Qwen/Qwen3-8B")


def test_offline(hub: HuggingFaceStandIn, settings: Settings) -> None:
    settings.OFFLINE = True
    with pytest.raises(RegistryDown):
        find("Qwen/Qwen3-8B")
    assert hub.hub.count() == 0


@pytest.mark.parametrize(
    "reply",
    [
        server.text("<html>Maintenance</html>"),
        server.json([]),
        server.json({"id": 5}),
        server.json({"id": "a/b", "siblings": [{"size": 1}]}),
        server.json({"id": "a/b", "tags": ["x", 7]}),
        server.json({"id": "a/b", "pipeline_tag": {}}),
        server.json({"id": "a/b", "downloads": "many"}),
        server.json({"id": "a/b", "safetensors": {"parameters": [], "total": "x"}}),
        server.json({"id": "a/b", "lastModified": "yesterday"}),
        server.text("[" * 50_000),
        Reply(418),
    ],
)
def test_an_answer_that_makes_no_sense(hub: HuggingFaceStandIn, reply: Reply) -> None:
    hub.hub.fail("/api/models/", reply)
    with pytest.raises(RegistryError, match="Hugging Face"):
        find("Qwen/Qwen3-8B")


def test_file_names_that_no_file_can_have_are_left_out(hub: HuggingFaceStandIn) -> None:
    bad = ("../up-Q8_0.gguf", "a//b-Q6_K.gguf", "new\nline-Q5_0.gguf", f"{'x' * 500}.gguf")
    sizes = dict.fromkeys((*bad, "good-Q4_0.gguf"), 1.0)
    hub.add(conversion("acme/names", "acme/base", LLAMA_32_1B, 10**9, sizes))
    assert [variant.name for variant in find("acme/names").variants] == ["Q4_0"]


def test_a_broken_header_falls_back_to_the_original_s_config(hub: HuggingFaceStandIn) -> None:
    repo = conversion("acme/broken", "Qwen/Qwen3-8B", gguf.llama("qwen3"), 10**9, {})
    broken: dict[str, bytes | Sparse] = {"M-Q4_0.gguf": Sparse(b"GGUX", 1 << 30)}
    hub.add(replace(repo, files=broken))
    model = find("acme/broken")
    found = huggingface.architecture(model, model.variants[0])
    assert (found.layers, found.exact) == (36, False)


def test_a_broken_header_without_an_original_is_told(hub: HuggingFaceStandIn) -> None:
    repo = conversion("acme/broken", "../../etc", gguf.llama("qwen3"), 10**9, {})
    hub.add(replace(repo, files={"M-Q4_0.gguf": Sparse(b"GGUX", 1 << 30)}))
    model = find("acme/broken")
    with pytest.raises(UnreadableHeader, match="not a GGUF"):
        huggingface.architecture(model, model.variants[0])


def test_a_variant_without_files_has_no_header(hub: HuggingFaceStandIn) -> None:
    model = find("Qwen/Qwen3-8B-GGUF")
    with pytest.raises(UnreadableHeader, match="no file"):
        huggingface.architecture(model, replace(model.variants[0], files=()))


def test_a_config_that_is_no_json(hub: HuggingFaceStandIn) -> None:
    files = safetensors(b"<html>")
    hub.add(Repo("acme/page", files, config={"architectures": ["Qwen3ForCausalLM"]}))
    model = find("acme/page")
    with pytest.raises(RegistryError, match="not JSON"):
        huggingface.architecture(model, model.variants[0])
