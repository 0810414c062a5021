"""What a card can run at all, whatever its memory: capability and heads."""

from __future__ import annotations

from wizard.hardware.values import Gpu
from wizard.registry.values import Architecture
from wizard.sizing import vllm_kernels
from wizard.sizing.values import EngineFamily, Workload
from wizard.sizing.words import plural

Capability = tuple[int, int]

# vLLM's images are built with CUDA 13, which has nothing older than Turing
# (https://github.com/vllm-project/vllm/pull/39878); llama.cpp's, with CUDA 12,
# hold kernels from Maxwell on.
_LEAST: dict[EngineFamily, Capability] = {
    EngineFamily.VLLM: (7, 5),
    EngineFamily.LLAMA_CPP: (5, 0),
}
# vLLM 0.33's ``get_min_capability`` of each quantisation method that wants more: weights of
# 8 and of 4 bits are unpacked where a card cannot multiply them.
_METHODS: dict[str, Capability] = {
    "experts_int8": (8, 0),
    "fbgemm_fp8": (8, 0),
    "fp_quant": (10, 0),
    "modelopt": (8, 0),
    "modelopt_mxfp8": (8, 0),
    "mxfp4": (8, 0),
}
# vLLM's kernels for compressed attention are Triton's, which want Ampere.
_LATENT_ATTENTION: Capability = (8, 0)
_BF16: Capability = (8, 0)
_ROWS = 64


def refusal(gpu: Gpu, architecture: Architecture, workload: Workload) -> str:
    """Why the engine cannot run the model on these cards, or an empty string."""
    least, what = max(_needs(architecture, workload))
    if gpu.compute_capability < least:
        return (
            f"{what} needs compute capability {_words(least)}; {gpu.title} has "
            f"{_words(gpu.compute_capability)}."
        )
    if workload.family is EngineFamily.VLLM:
        return indivisible(architecture, workload.gpus)
    return ""


def notes(gpu: Gpu, architecture: Architecture, workload: Workload) -> str:
    """What to know about a card that the model runs on, or an empty string."""
    if gpu.compute_capability >= _BF16 or architecture.dtype != "bfloat16":
        return ""
    if workload.family is EngineFamily.VLLM:
        return "This card has no bfloat16, so vLLM runs in float16 (--dtype half)."
    return ""


def _needs(architecture: Architecture, workload: Workload) -> list[tuple[Capability, str]]:
    name = "vLLM" if workload.family is EngineFamily.VLLM else "llama.cpp"
    needs = [(_LEAST[workload.family], name)]
    if workload.family is not EngineFamily.VLLM:
        return needs
    method = architecture.quant_method.lower()
    if method in _METHODS:
        needs.append((_METHODS[method], f"{method} under vLLM"))
    if architecture.kv_lora_rank:
        needs.append((_LATENT_ATTENTION, "Compressed attention (MLA) under vLLM"))
    if vllm_kernels.is_sparse(architecture):
        needs.append((vllm_kernels.SPARSE_LEAST, "Sparse attention (DSA) under vLLM"))
    if fp8 := vllm_kernels.fp8_capability(architecture, workload):
        needs.append((fp8, "An fp8 KV cache of this model under vLLM"))
    return needs


def indivisible(architecture: Architecture, cards: int) -> str:
    """Why vLLM cannot divide a model over so many cards, or an empty string.

    Keys and values of fewer heads than cards are each on as many (``QKVParallelLinear``),
    rows of embeddings are padded to a multiple of 64 (``VocabParallelEmbedding``).
    """
    latent = architecture.kv_lora_rank
    kv_heads = () if latent else dict.fromkeys(filter(None, architecture.kv_heads))
    parts = [(architecture.heads, "attention head")]
    parts += [(heads, "KV head") for heads in kv_heads if cards % heads]
    parts += [(-(-architecture.vocab_size // _ROWS) * _ROWS, "embedding row")]
    if not architecture.encoder_elements:
        parts += [(architecture.encoder_heads, "encoder part")]
    parts += [(groups, "quantised weight group") for groups in architecture.weight_groups]
    uneven = next((part for part in parts if part[0] % max(1, cards)), None)
    return f"vLLM cannot divide {plural(*uneven)} evenly over {cards} cards." if uneven else ""


def _words(capability: Capability) -> str:
    return f"{capability[0]}.{capability[1]}"
