"""What each engine writes, and what each refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from jinja2 import Template

from inference import refs
from tests.wizard.sdl import factory
from wizard.planning.workload import workload_on
from wizard.registry.values import Gating, ModelFile, ModelRef, Source
from wizard.sdl import engines
from wizard.sdl.engines import gateway, ollama, ray_cluster
from wizard.sdl.engines.values import Service
from wizard.sdl.errors import SdlError
from wizard.sdl.values import (
    API_KEY_PLACEHOLDER,
    API_KEY_SHA256_PLACEHOLDER,
    Engine,
    Secrets,
)
from wizard.sizing.cells import told_step
from wizard.sizing.values import KvType

KEY = "sk-0123456789abcdef"
DIGEST = "a" * 64
OLLAMA_REF = ModelRef(Source.OLLAMA, "library", "llama3.1", tag="8b")
SPLIT = ("q/Big-Q4-00002-of-00002.gguf", "q/Big-Q4-00001-of-00002.gguf")


NO_SECRETS = Secrets()


def services(engine: Engine, secrets: Secrets = NO_SECRETS, **changes: Any) -> dict[str, Service]:
    plan = factory.plan(engine, **changes)
    return {service.name: service for service in engines.module(engine).services(plan, secrets)}


def env(service: Service) -> dict[str, str]:
    return dict(service.env)


def option(service: Service, name: str) -> str:
    return service.args[service.args.index(name) + 1]


def test_it_works() -> None:
    found = env(services(Engine.RUNTIME, Secrets(api_key_sha256=DIGEST))["llm"])
    assert found == {
        "MODEL": f"hf.co/Qwen/Qwen3-8B-GGUF@{factory.COMMIT}/Qwen3-8B-Q4_K_M.gguf",
        "MODEL_ALIASES": "hf.co/Qwen/Qwen3-8B-GGUF:Q4_K_M",
        "API_KEY_SHA256": DIGEST,
        "CONTEXT_LENGTH": "8192",
        "SLOTS": "4",
        "KV_CACHE_TYPE": "f16",
        "MODELS_DIR": "/models",
        "PORT": "8080",
    }


def test_the_runtime_reads_the_model_that_is_written() -> None:
    parsed = refs.parse(env(services(Engine.RUNTIME)["llm"])["MODEL"])
    assert isinstance(parsed, refs.HuggingFaceRef)
    assert (parsed.repo_id, parsed.revision) == ("Qwen/Qwen3-8B-GGUF", factory.COMMIT)
    assert parsed.file == "Qwen3-8B-Q4_K_M.gguf"


def test_the_runtime_never_gets_the_key_itself() -> None:
    secrets = Secrets(api_key=KEY, api_key_sha256=DIGEST)
    assert KEY not in repr(services(Engine.RUNTIME, secrets))


def test_without_secrets_there_are_placeholders() -> None:
    runtime = env(services(Engine.RUNTIME)["llm"])
    assert runtime["API_KEY_SHA256"] == API_KEY_SHA256_PLACEHOLDER
    assert env(services(Engine.LLAMA_SERVER)["llm"])["LLAMA_API_KEY"] == API_KEY_PLACEHOLDER
    assert env(services(Engine.VLLM)["gateway"])["API_KEY"] == API_KEY_PLACEHOLDER


@pytest.mark.parametrize("engine", [Engine.RUNTIME, Engine.OLLAMA])
def test_an_ollama_name_keeps_its_tag(engine: Engine) -> None:
    found = services(engine, ref=OLLAMA_REF, variant=factory.gguf_variant("8b-q8_0"))
    name = env(found["llm"])["MODEL" if engine is Engine.RUNTIME else "OLLAMA_PULL"]
    assert name == "llama3.1:8b-q8_0"


def test_our_runtime_gets_the_manifests_digest_where_it_is_known() -> None:
    variant = replace(factory.gguf_variant("8b-q8_0"), digest=DIGEST)
    found = env(services(Engine.RUNTIME, ref=OLLAMA_REF, variant=variant)["llm"])
    assert found["MODEL"] == f"llama3.1:8b-q8_0@sha256:{DIGEST}"
    assert found["MODEL_ALIASES"] == "llama3.1:8b-q8_0"


@pytest.mark.parametrize("digest", ["", "0123456789ab"])
def test_a_digest_cut_short_pins_nothing(digest: str) -> None:
    variant = replace(factory.gguf_variant("8b-q8_0"), digest=digest)
    found = env(services(Engine.RUNTIME, ref=OLLAMA_REF, variant=variant)["llm"])
    assert found["MODEL"] == "llama3.1:8b-q8_0"


@pytest.mark.parametrize("engine", [Engine.RUNTIME, Engine.LLAMA_SERVER])
def test_a_split_file_is_named_by_its_first_part(engine: Engine) -> None:
    service = services(engine, variant=factory.gguf_variant("Q4", SPLIT))["llm"]
    assert "q/Big-Q4-00001-of-00002.gguf" in repr((service.env, service.args))
    assert "00002-of-00002" not in repr((service.env, service.args))


def test_two_files_that_are_not_one_are_refused() -> None:
    variant = factory.gguf_variant("Q4", ("a.gguf", "b.gguf"))
    with pytest.raises(SdlError, match="choose one file"):
        services(Engine.RUNTIME, variant=variant)


@pytest.mark.parametrize(
    ("slots", "context", "step"),
    [(1, 512, 512), (4, 2048, 2048), (3, 2048, 2049), (7, 8192, 8197), (2, 32_768, 8192)],
)
def test_an_embedding_model_reads_texts_whole_in_steps_that_slots_share_without_a_rest(
    slots: int, context: int, step: int
) -> None:
    embeds = factory.architecture(causal=False)
    found = services(Engine.LLAMA_SERVER, architecture=embeds, slots=slots, context=context)
    args = found["llm"].args
    sizes = ("--batch-size", str(step), "--ubatch-size", str(step))
    assert args[args.index("--embeddings") + 1 :] == sizes
    planned = workload_on(embeds, Engine.LLAMA_SERVER, context=context, slots=slots)
    assert planned.embeds
    assert told_step(planned) == step


def test_a_reranker_is_told_what_it_is() -> None:
    """Without, llama-server's ``/rerank`` answers that it does not support it."""
    ref = ModelRef(Source.HUGGING_FACE, "gpustack", "bge-reranker-v2-m3-GGUF")
    embeds = factory.architecture(causal=False)
    args = services(Engine.LLAMA_SERVER, architecture=embeds, ref=ref)["llm"].args
    assert "--reranking" in args
    assert "--embeddings" not in args


@pytest.mark.parametrize(
    ("name", "chats_as", "words"),
    [
        ("Qwen3-Reranker-0.6B", "Qwen3ForCausalLM", ["no", "yes"]),
        ("Qwen3-VL-Reranker-2B", "Qwen3VLForConditionalGeneration", ["no", "yes"]),
        ("bge-reranker-v2-gemma", "GemmaForCausalLM", ["Yes"]),
        ("mxbai-rerank-base-v2", "Qwen2ForCausalLM", ["0", "1"]),
    ],
)
def test_a_language_model_that_ranks_is_read_as_a_classifier(
    name: str, chats_as: str, words: list[str]
) -> None:
    """Its safetensors look like a chat model's, which vLLM would answer chats with."""
    chats = factory.architecture(hf_architectures=(chats_as,))
    ref = ModelRef(Source.HUGGING_FACE, "maker", name)
    found = services(Engine.VLLM, architecture=chats, ref=ref)["llm"]
    assert option(found, "--runner") == "pooling"
    assert json.loads(option(found, "--hf-overrides"))["classifier_from_token"] == words
    prompt = option(found, "--chat-template")
    assert "\n" not in prompt
    said = Template(prompt).render(messages=[{"content": "What?"}, {"content": "That."}])
    assert said.index("What?") < said.index("That.")
    other = replace(chats, hf_architectures=("Qwen3ForSequenceClassification",))
    for changes in ({"architecture": chats}, {"architecture": other, "ref": ref}):
        assert "--hf-overrides" not in services(Engine.VLLM, **changes)["llm"].args


def test_a_method_that_vllm_gives_up_is_allowed() -> None:
    """Without, vLLM 0.33 does not load Meta's own 8 bits of Llama 3.1 405B."""
    old = factory.architecture(quant_method="fbgemm_fp8")
    allowed = "--allow-deprecated-quantization"
    assert allowed in services(Engine.VLLM, architecture=old)["llm"].args
    assert allowed not in services(Engine.VLLM)["llm"].args


def test_an_embedding_model_that_pools_at_the_end_reads_in_usual_steps() -> None:
    embeds = factory.architecture(pools=True, pools_at_end=True)
    args = services(Engine.LLAMA_SERVER, architecture=embeds, slots=3)["llm"].args
    assert args[args.index("--embeddings") + 1 :] == (
        *("--batch-size", "510", "--ubatch-size", "510"),
    )
    planned = workload_on(embeds, Engine.LLAMA_SERVER, context=32_768, slots=3)
    assert told_step(planned) - 510 in range(3)


def test_llama_server_pins_the_commit_and_brings_the_projector() -> None:
    variant = replace(factory.gguf_variant(), projector=ModelFile("mmproj F16.gguf", 1))
    service = services(Engine.LLAMA_SERVER, variant=variant)["llm"]
    base = f"https://huggingface.co/Qwen/Qwen3-8B-GGUF/resolve/{factory.COMMIT}"
    assert option(service, "--model-url") == f"{base}/Qwen3-8B-Q4_K_M.gguf"
    assert option(service, "--mmproj-url") == f"{base}/mmproj%20F16.gguf"
    assert option(service, "--ctx-size") == str(8192 * 4)


def test_experts_stay_in_ram_where_asked() -> None:
    assert env(services(Engine.RUNTIME, cpu_moe=True)["llm"])["CPU_MOE"] == "1"
    assert "--cpu-moe" in services(Engine.LLAMA_SERVER, cpu_moe=True)["llm"].args
    assert "--cpu-moe" not in services(Engine.LLAMA_SERVER)["llm"].args


def test_llama_server_names_the_exact_file_where_no_commit_is_known() -> None:
    plan = factory.plan(Engine.LLAMA_SERVER)
    plan = replace(plan, model=factory.model(plan.ref, revision=""))
    (service,) = engines.module(plan.engine).services(plan, Secrets())
    assert option(service, "--hf-repo") == "Qwen/Qwen3-8B-GGUF"
    assert option(service, "--hf-file") == "Qwen3-8B-Q4_K_M.gguf"


def test_llama_server_refuses_an_ollama_model() -> None:
    with pytest.raises(SdlError, match="Hugging Face only"):
        services(Engine.LLAMA_SERVER, ref=OLLAMA_REF)


def test_vllm_is_pinned_and_behind_the_gateway() -> None:
    found = services(Engine.VLLM, Secrets(api_key=KEY))
    assert [service.name for service in found.values() if service.public] == ["gateway"]
    assert found["llm"].args[0] == "Qwen/Qwen3-8B"
    assert option(found["llm"], "--revision") == factory.COMMIT
    assert env(found["llm"])["VLLM_API_KEY"] == env(found["gateway"])["API_KEY"] == KEY


def test_vllm_uses_half_precision_on_cards_without_bf16() -> None:
    old = (factory.offer(factory.gpu("t4", "16Gi", (7, 5))), factory.offer(factory.gpu()))
    assert option(services(Engine.VLLM, chosen=old)["llm"], "--dtype") == "half"
    assert "--dtype" not in services(Engine.VLLM)["llm"].args


def test_vllm_trusts_remote_code_only_where_the_model_has_any() -> None:
    custom = factory.architecture(custom_code=True)
    assert "--trust-remote-code" in services(Engine.VLLM, architecture=custom)["llm"].args
    assert "--trust-remote-code" not in services(Engine.VLLM)["llm"].args


def test_vllm_over_nodes_is_a_head_and_its_workers() -> None:
    found = services(Engine.VLLM, Secrets(api_key=KEY), count=8, nodes=3)
    assert {name: service.count for name, service in found.items()} == {
        "gateway": 1,
        "llm": 1,
        "worker": 2,
    }
    head, worker = found["llm"], found["worker"]
    assert option(head, "--tensor-parallel-size") == "8"
    assert option(head, "--pipeline-parallel-size") == "3"
    assert option(head, "--distributed-executor-backend") == "ray"
    assert head.internal[ray_cluster.PORT] == ("worker",)
    assert env(head)["NODES"] == "3"
    assert env(worker)["HEAD_SERVICE"] == "llm"
    assert {env(node)["NODE_GPUS"] for node in (head, worker)} == {"8"}
    assert KEY not in env(worker).values()


def test_vllm_over_nodes_refuses_a_variable_that_it_sets_itself() -> None:
    with pytest.raises(SdlError, match="NODES is set already"):
        services(Engine.VLLM, nodes=2, extra_env=(("NODES", "7"),))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chosen": ()}, "needs a GPU"),
        ({"nodes": 2, "replicas": 2}, "runs once"),
        ({"kv": KvType.Q8_0}, "KV cache"),
        ({"variant": factory.gguf_variant()}, "safetensors"),
        ({"ref": OLLAMA_REF}, "safetensors"),
    ],
)
def test_vllm_refuses_what_it_cannot_run(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(SdlError, match=reason):
        services(Engine.VLLM, **changes)


def test_ollama_is_reached_by_the_gateway_only() -> None:
    found = services(Engine.OLLAMA)
    assert not found["llm"].public
    assert found["llm"].internal == {ollama.PORT: ("gateway",)}
    assert found["gateway"].public


def test_the_gateways_configuration_holds_nothing_of_a_person() -> None:
    found = env(services(Engine.OLLAMA, Secrets(api_key=KEY))["gateway"])
    assert found["CADDYFILE"] == gateway.caddyfile(ollama.PORT, ollama.CLOSED)
    assert KEY not in found["CADDYFILE"]
    assert "{env.API_KEY}" in found["CADDYFILE"]


def test_no_name_is_ever_in_a_script() -> None:
    for engine in (Engine.OLLAMA, Engine.VLLM):
        for service in services(engine, nodes=2 if engine is Engine.VLLM else 1).values():
            assert "Qwen" not in " ".join(service.command)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"gating": Gating.AUTO}, "gated"),
        ({"variant": factory.gguf_variant("Q4", SPLIT)}, "split"),
        ({"aliases": ("other",)}, "no aliases"),
        ({"nodes": 2}, "one node"),
        ({"kv": KvType.FP8}, "fp8 is vLLM's"),
    ],
)
def test_ollama_refuses_what_it_cannot_run(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(SdlError, match=reason):
        services(Engine.OLLAMA, **changes)


@pytest.mark.parametrize("key", ["short", "x" * 300, "has space 0123456789", 'q"0123456789abcdef'])
def test_a_key_that_could_be_more_than_a_key_is_refused(key: str) -> None:
    with pytest.raises(SdlError, match="API key"):
        services(Engine.LLAMA_SERVER, Secrets(api_key=key))


@pytest.mark.parametrize("digest", ["zz", "a" * 63, "g" * 64, "a" * 64 + "\n"])
def test_a_hash_that_is_none_is_refused(digest: str) -> None:
    with pytest.raises(SdlError, match="64 hex"):
        services(Engine.RUNTIME, Secrets(api_key_sha256=digest))


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (("1BAD", "x"), "no variable's name"),
        (("A=B", "x"), "no variable's name"),
        (("", "x"), "no variable's name"),
        (("GOOD", "line\nbreak"), "control"),
        (("GOOD", "a\u2028b"), "control"),
        (("GOOD", "x" * 5000), "longer"),
        (("MODEL", "other"), "set already"),
        (("API_KEY", "somebody-else-s"), "further key"),
        (("API_KEY_FILE", "/models/key"), "further key"),
    ],
)
def test_an_extra_variable_that_is_none_is_refused(pair: tuple[str, str], reason: str) -> None:
    with pytest.raises(SdlError, match=reason):
        services(Engine.RUNTIME, extra_env=(pair,))


@pytest.mark.parametrize("alias", ["a b", "a,b", "", "x" * 200, "a\nb", "-a"])
def test_an_alias_that_is_none_is_refused(alias: str) -> None:
    with pytest.raises(SdlError, match="alias"):
        services(Engine.RUNTIME, aliases=(alias,))
