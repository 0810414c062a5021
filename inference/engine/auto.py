"""Context and slots from the memory at hand: what ``auto`` means. Sizes are bytes.

The KV cache's size after llama.cpp: for every token and layer, heads × (key +
value width) × bytes of an element. An upper bound: sliding windows and
recurrent layers take less.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.engine import control_group, drafts
from inference.engine.command import EngineConfig
from inference.errors import Unsupported
from inference.gguf import Header
from inference.models import LocalModel, public_name
from inference.settings import Settings

MIB = 1 << 20
BYTES_OF_AN_ELEMENT = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}
RUNTIME = 512 * MIB
USABLE = 0.92
USABLE_OF_HOST = 0.5
GOOD_CONTEXT = 8192
# llama.cpp's own default, in MiB, and the part of the free host memory that is not exceeded.
LARGEST_PROMPT_CACHE = 8192
PROMPT_CACHE_SHARE = 8
LONGEST_ON_CPU = 32768
# Most embedding models read a text in one batch, or not at all.
LONGEST_EMBEDDED = 8192
# ``LLAMA_POOLING_TYPE_LAST`` and ``_RANK``.
_LAST, _RANK = 3, 4
SMALLEST_CONTEXT = 512
STEP = 256
SLOTS_ON_GPU = (16, 8, 4, 2, 1)
SLOTS_ON_CPU = (4, 2, 1)
_EXPERTS = re.compile(r"\.ffn_(?:up|down|gate|gate_up)_(?:ch)?exps")
_QUERY = ("nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class Memory:
    """What there is for models: bytes, on GPUs together or else in the host.

    ``host`` is what the host has free in either case.
    """

    size: int
    on_gpu: bool
    host: int = 0

    @property
    def usable(self) -> int:
        return int(self.size * (USABLE if self.on_gpu else USABLE_OF_HOST))


def at_hand() -> Memory:
    """The free memory of all GPUs, or of the machine (its control group's limit counts)."""
    gpus, host = _free_on_gpus(), min(_host_free(), control_group.free_memory())
    return Memory(sum(gpus) if gpus else host, on_gpu=bool(gpus), host=host)


def configure(
    model: LocalModel, header: Header, settings: Settings, memory: Memory
) -> EngineConfig:
    """What a child is to be told, everything that was left to ``auto`` chosen.

    Raises Unsupported where the model lacks what the settings want of it.
    """
    embeds = pools_itself(header)
    weights = model.size - (experts(header) if settings.cpu_moe and memory.on_gpu else 0)
    context, slots = choose(header, weights, settings, memory)
    embeddings = settings.embeddings != "off"
    in_steps = embeds and reads_in_steps(header)
    is_whole = embeds and not in_steps
    ubatch = max(32, min(context, LONGEST_EMBEDDED)) if is_whole else settings.ubatch
    if embeddings:
        ubatch = divisible(ubatch, slots, up=is_whole)
    # With embeddings llama-server makes its batch as small as what it computes at once.
    step = ubatch if embeddings else settings.batch
    # What only embeds generates nothing that could be drafted.
    speculative = "off" if embeds else settings.speculative
    check_speculation(header, speculative, slots, step)
    return EngineConfig(
        name=public_name(model.name),
        model=model.path,
        context_length=context,
        slots=slots,
        projector=model.projector.path if model.projector else None,
        adapters=tuple(adapter.path for adapter in model.adapters),
        kv_cache_type=settings.kv_cache_type,
        batch=max(settings.batch, ubatch),
        ubatch=ubatch,
        gpu_layers=settings.gpu_layers,
        on_gpu=memory.on_gpu and settings.gpu_layers != 0,
        cpu_moe=settings.cpu_moe,
        threads=settings.threads or control_group.threads(),
        embeddings=embeddings,
        reads_in_steps=in_steps,
        pooling=pooling(header) if embeddings else "",
        speculative=speculative,
        draft=drafts.length(slots, step) if speculative == "ngram" else 0,
        memory=estimate(header, weights, context * slots, settings),
        prompt_cache_mib=min(LARGEST_PROMPT_CACHE, memory.host // PROMPT_CACHE_SHARE // MIB),
    )


def divisible(ubatch: int, slots: int, *, up: bool) -> int:
    """The nearest number of tokens that the slots share without a rest.

    With a rest llama.cpp aborts as it lays out the mean of each slot's tokens
    (``llama_context::graph_reserve``, ``llm_graph_context::build_pooling``).
    """
    rounded = ubatch + slots - 1 if up else max(ubatch, slots)
    return rounded // slots * slots


def check_speculation(header: Header, wanted: str, slots: int, step: int) -> None:
    """Raise Unsupported where drafts cannot be made as ``wanted``, or would end the engine."""
    if wanted == "mtp" and not header.fact("nextn_predict_layers"):
        raise Unsupported(
            "SPECULATIVE is mtp, and the model has no layers for it.",
            next_step="Set SPECULATIVE to ngram or off.",
        )
    if wanted == "ngram" and drafts.length(slots, step) < drafts.SHORTEST:
        each = 1 + drafts.SHORTEST
        raise Unsupported(
            f"SPECULATIVE is ngram: {slots} slots draft {drafts.SHORTEST} tokens each at least, "
            f"and a step takes {step}.",
            next_step=f"Set SLOTS to {step // each} or less, UBATCH and BATCH to "
            f"{slots * each} or more, or SPECULATIVE to off.",
        )


def pools_itself(header: Header) -> bool:
    """Whether the file is a model that only embeds, or reranks: it says how to pool."""
    return header.fact("pooling_type") is not None or ranks(header)


def ranks(header: Header) -> bool:
    """Whether the file is a reranker: it tells how well a text answers a question.

    Qwen3-Reranker's files say so. What is made of a BERT (bge-reranker, jina-reranker) says
    nothing, and has a classifier (llama.cpp ``conversion/bert.py``).
    """
    told = header.fact("pooling_type")
    if told is None and header.fact("attention.causal") is False:
        return any(tensor.name.startswith("cls.") for tensor in header.tensors)
    return bool(told == _RANK)


def pooling(header: Header) -> str:
    """What llama-server is to be told of it. What a file says counts without, but that
    ``/rerank`` is only there where it is told."""
    if ranks(header):
        return "rank"
    return "" if pools_itself(header) else "mean"


def reads_in_steps(header: Header) -> bool:
    """Whether a text to embed may take several steps: what is looked for is at its last token,
    and no token looks ahead (llama-server's ``server_slot::can_split``)."""
    pools_at_the_end = header.fact("pooling_type") in (_LAST, _RANK)
    return pools_at_the_end and header.fact("attention.causal") is not False


def choose(header: Header, weights: int, settings: Settings, memory: Memory) -> tuple[int, int]:
    """Context length (tokens for each request) and slots.

    As many slots as keep a good context for each; then as much context as the
    model was trained for and the memory holds.
    """
    trained = header.context_length or GOOD_CONTEXT
    longest = trained if memory.on_gpu else min(trained, LONGEST_ON_CPU)
    tokens = affordable(header, weights, settings, memory)
    if settings.context_length and settings.slots:
        return settings.context_length, settings.slots
    if settings.context_length:
        return settings.context_length, _slots(tokens, settings.context_length, memory)
    slots = settings.slots or _slots(tokens, min(longest, GOOD_CONTEXT), memory)
    context = min(longest, tokens // slots) // STEP * STEP
    return min(max(context, SMALLEST_CONTEXT), max(trained, STEP)), slots


def affordable(header: Header, weights: int, settings: Settings, memory: Memory) -> int:
    """Tokens of KV cache that fit beside the weights."""
    left = memory.usable - estimate(header, weights, 0, settings)
    return max(0, int(left / bytes_per_token(header, settings.kv_cache_type)))


def estimate(header: Header, weights: int, tokens: int, settings: Settings) -> int:
    """Bytes that a loaded model takes: weights, KV cache, compute buffers, runtime."""
    vocabulary = _integer(header.fact("vocab_size"), 32000)
    width = _integer(header.fact("embedding_length"), 4096)
    compute = 4 * settings.ubatch * (vocabulary + width)
    cache = tokens * bytes_per_token(header, settings.kv_cache_type)
    return weights + compute + int(cache) + RUNTIME


def experts(header: Header) -> int:
    """Bytes of a mixture's experts in this file, which ``CPU_MOE`` leaves in host memory."""
    return sum(tensor.size or 0 for tensor in header.tensors if _EXPERTS.search(tensor.name))


def bytes_per_token(header: Header, cache_type: str) -> float:
    """Bytes of KV cache for one token, over all layers; at least 1."""
    layers = _integer(header.fact("block_count"), 32)
    heads = _integer(header.fact("attention.head_count"), 32)
    width = _integer(header.fact("embedding_length"), 4096)
    size = BYTES_OF_AN_ELEMENT[cache_type]
    if rank := _integer(header.fact("attention.kv_lora_rank"), 0):
        rope = _integer(header.fact("rope.dimension_count"), 64)
        return max(1.0, layers * (rank + rope) * size)
    head = width // max(1, heads)
    key = _integer(header.fact("attention.key_length"), head)
    value = _integer(header.fact("attention.value_length"), head)
    return max(1.0, _kv_heads(header, layers, heads) * (key + value) * size)


def _kv_heads(header: Header, layers: int, heads: int) -> int:
    """KV heads of all layers together; the file tells a number, or a list of them."""
    found = header.fact("attention.head_count_kv", heads)
    if isinstance(found, Sequence) and not isinstance(found, str):
        return sum(number for number in found if isinstance(number, int))
    return layers * _integer(found, heads)


def _slots(tokens: int, context: int, memory: Memory) -> int:
    choices = SLOTS_ON_GPU if memory.on_gpu else SLOTS_ON_CPU
    return next((slots for slots in choices if slots * context <= tokens), 1)


def _integer(value: Any, default: int) -> int:
    if isinstance(value, list):
        value = max((item for item in value if isinstance(item, int)), default=default)
    return value if isinstance(value, int) and 0 < value < 1 << 32 else default


def _free_on_gpus() -> list[int]:
    try:
        done = subprocess.run(  # noqa: S603  (fixed arguments, no shell)
            _QUERY, capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [int(line) * MIB for line in done.stdout.split() if line.isdigit()]


def _host_free() -> int:
    for line in _text(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
