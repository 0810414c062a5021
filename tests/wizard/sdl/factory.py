"""Plans for tests, made of a model's facts and whatever a test wants to differ."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from wizard.hardware.values import Fit, Gpu, Offer, PriceList
from wizard.registry.values import (
    Architecture,
    Format,
    Gating,
    Model,
    ModelFile,
    ModelRef,
    Origin,
    Source,
    Variant,
)
from wizard.sdl import pricing
from wizard.sdl.values import Engine, Image, Plan, Resources, StorageClass
from wizard.sizing.values import KvType, MemoryEstimate

NOW = datetime(2026, 11, 1, tzinfo=UTC)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
GI = 1 << 30
IMAGES = {
    Engine.RUNTIME: "ghcr.io/oneclickllm/runtime:1.0.0",
    Engine.VLLM: "vllm/vllm-openai:v0.33.0",
    Engine.OLLAMA: "ollama/ollama:0.40.16",
    Engine.LLAMA_SERVER: "ghcr.io/ggml-org/llama.cpp:server-cuda-b11549",
}


def gpu(model: str = "rtx3090", ram: str = "24Gi", capability: tuple[int, int] = (8, 6)) -> Gpu:
    """A card as the hardware room would tell it."""
    vram = int(ram.removesuffix("Gi") or 24) * GI
    return Gpu(
        model=model,
        title=model.upper(),
        ram_label=ram,
        vram_bytes=vram,
        usable_bytes=vram * 95 // 100,
        compute_capability=capability,
        bandwidth=900 * 10**9,
        multiprocessors=82,
        trial_blocked=False,
        usd_per_hour=0.2,
    )


def offer(card: Gpu | None, count: int = 1, nodes: int = 1) -> Offer:
    """A fitting offer of a card."""
    return Offer(
        gpu=card,
        count=count,
        nodes=nodes,
        fit=Fit.FITS,
        needed_bytes=8 * GI,
        headroom_bytes=8 * GI,
        usd_per_hour=0.2 * count * nodes,
        reason="fits",
    )


def architecture(**changes: Any) -> Architecture:
    """Qwen3 8B's, unless told otherwise."""
    facts: dict[str, Any] = {
        "name": "qwen3",
        "layers": 36,
        "embedding_length": 4096,
        "heads": 32,
        "kv_heads": (8,) * 36,
        "key_length": 128,
        "value_length": 128,
        "context_length": 40960,
        "vocab_size": 151936,
    }
    return Architecture(**(facts | changes))


def gguf_variant(
    name: str = "Q4_K_M", files: tuple[str, ...] = ("Qwen3-8B-Q4_K_M.gguf",)
) -> Variant:
    return Variant(
        name=name,
        format=Format.GGUF,
        quantisation=name,
        files=tuple(ModelFile(path, 5 * GI) for path in files),
    )


def safetensors_variant() -> Variant:
    files = (ModelFile("model-00001-of-00001.safetensors", 16 * GI),)
    return Variant(name="bf16", format=Format.SAFETENSORS, quantisation="BF16", files=files)


def estimate(total: int = 8 * GI) -> MemoryEstimate:
    return MemoryEstimate(
        weights=total * 3 // 4,
        kv_cache=total // 8,
        recurrent_state=0,
        compute=total // 16,
        projector=0,
        runtime=total // 16,
        host=2 * GI,
        disk=6 * GI,
        largest_gpu=total,
        parts=(),
    )


def ref(engine: Engine = Engine.RUNTIME) -> ModelRef:
    if engine is Engine.VLLM:
        return ModelRef(Source.HUGGING_FACE, "Qwen", "Qwen3-8B")
    return ModelRef(Source.HUGGING_FACE, "Qwen", "Qwen3-8B-GGUF")


def model(of: ModelRef, gating: Gating = Gating.OPEN, revision: str = COMMIT) -> Model:
    return Model(
        ref=of, title=of.repo, origin=Origin.CATALOGUE, as_of=NOW, gating=gating, revision=revision
    )


def plan(engine: Engine = Engine.RUNTIME, **changes: Any) -> Plan:
    """A whole plan for an engine; any field can be changed by its name."""
    of = changes.pop("ref", ref(engine))
    gating = changes.pop("gating", Gating.OPEN)
    count, nodes = changes.get("count", 1), changes.get("nodes", 1)
    chosen = changes.pop("chosen", (offer(gpu(), count, nodes),))
    ceiling = changes.pop("price_ceiling", 0.5)
    facts: dict[str, Any] = {
        "ref": of,
        "model": model(of, gating),
        "variant": safetensors_variant() if engine is Engine.VLLM else gguf_variant(),
        "architecture": architecture(),
        "engine": engine,
        "engines": (engine,),
        "image": Image(IMAGES[engine]),
        "context": 8192,
        "largest_context": 40960,
        "slots": 4,
        "kv": KvType.F16,
        "count": 1,
        "nodes": 1,
        "replicas": 1,
        "region": "",
        "audited": False,
        "storage_class": StorageClass.NVME,
        "resources": Resources(
            cpu=4,
            memory=16 * GI,
            root_disk=10 * GI,
            volume=20 * GI,
            shared_memory=8 * GI if engine is Engine.VLLM and count > 1 else 0,
        ),
        "estimate": estimate(),
        "offers": chosen,
        "chosen": chosen,
        "usd_per_hour": 0.2,
        "price_ceiling": ceiling,
        "amount_uact": pricing.uact_per_block(ceiling),
        "price_list": PriceList((gpu(),), NOW, live=False),
        "extra_env": (),
        "reasons": (),
    }
    return Plan(**(facts | changes))
