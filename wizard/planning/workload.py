"""Context length, slots and KV type: what was chosen, else what we would pick."""

from __future__ import annotations

from collections.abc import Callable

from wizard.planning.engines import KV_TYPES, family
from wizard.planning.errors import ChoiceError
from wizard.registry.values import Architecture
from wizard.sdl.engines import llama_server, vllm_ranking
from wizard.sdl.values import Engine, Plan, Reason
from wizard.sizing import cache_types
from wizard.sizing.drafting import DRAFTED
from wizard.sizing.values import EngineFamily, KvType, Workload

SMALLEST_CONTEXT = 256
LARGEST_SLOTS = 256
USUAL_CONTEXT = 8192
GENEROUS_CONTEXT = 32_768
FALLBACK_CONTEXTS = (4096, 2048, 1024)
# llama-server's own default, and about what a small team's tools open at once.
USUAL_SLOTS = 4
# vLLM shares one pool between requests, so more of them cost no more memory;
# its own default of up to 1,024 captures more graphs than a private endpoint needs.
USUAL_VLLM_SLOTS = 64
# What makes our runtime draft with a model's own layers.
_DRAFTS = ("SPECULATIVE", "mtp")
# Tokens of a step (``--ubatch-size``).
USUAL_STEP = 512
# Tokens of a text to embed that are read in one step, at most: by our runtime
# (``inference.engine.auto``, which a test compares), by Ollama
# (``DefaultEmbeddingNumBatch`` in its ``llm/llama_server.go``), and as our file tells
# llama-server.
LONGEST_EMBEDDED = {
    Engine.RUNTIME: 8192,
    Engine.OLLAMA: 2048,
    Engine.LLAMA_SERVER: llama_server.LONGEST_EMBEDDED,
}

CheapestPrice = Callable[[int], float | None]


def context_marks(longest: int) -> tuple[int, ...]:
    """Marks of the context slider: powers of two from 2,048, and the model's own limit."""
    marks = []
    mark = 2048
    while mark < longest:
        marks.append(mark)
        mark *= 2
    return (*marks, longest)


def workload_on(
    architecture: Architecture,
    engine: Engine,
    *,
    context: int,
    slots: int,
    kv: KvType = KvType.F16,
    gpus: int = 1,
    nodes: int = 1,
    experts_on_host: bool = False,
    variables: tuple[tuple[str, str], ...] = (),
    ranks: bool = False,
) -> Workload:
    """What an engine asks of its cards, with the steps that it takes by itself.

    ``context`` is tokens for each of ``slots``. Our runtime answers embeddings beside
    chats, unless told otherwise, and drafts where further ``variables`` say so. ``ranks``
    tells a language model that vLLM is to read as a classifier.
    """
    drafts = engine is Engine.RUNTIME and _DRAFTS in variables and architecture.nextn_layers > 0
    is_embedder = architecture.embeds
    in_steps = architecture.pools_at_end and engine is not Engine.OLLAMA
    longest = LONGEST_EMBEDDED.get(engine) if is_embedder and not in_steps else None
    return Workload(
        context_length=context,
        slots=slots,
        sequences=slots,
        kv_type=kv,
        family=family(engine),
        gpus=gpus,
        nodes=nodes,
        experts_on_host=experts_on_host,
        drafts=DRAFTED if drafts else 0,
        embeds=engine is Engine.RUNTIME or is_embedder or (ranks and engine is Engine.VLLM),
        whole_texts=longest is not None,
        ubatch=longest or USUAL_STEP,
    )


def workload_of(plan: Plan) -> Workload:
    """What a plan asks of its cards."""
    return workload_on(
        plan.architecture,
        plan.engine,
        context=plan.context,
        slots=plan.slots,
        kv=plan.kv,
        gpus=plan.count,
        nodes=plan.nodes,
        experts_on_host=plan.cpu_moe,
        variables=plan.extra_env,
        ranks=vllm_ranking.of(plan.ref, plan.architecture) is not None,
    )


def choose_context(
    architecture: Architecture, wanted: int | None, cheapest_price: CheapestPrice
) -> tuple[int, Reason]:
    """The context length in tokens for each request, and why.

    ``cheapest_price`` tells what the cheapest fitting offer at a context costs,
    None where nothing fits. Raises ChoiceError for what the model cannot do.
    """
    longest = architecture.context_length
    if wanted is not None:
        _check_context(wanted, longest)
        return wanted, Reason("context", f"You chose {wanted:,} of the model's {longest:,} tokens.")
    usual = min(USUAL_CONTEXT, longest)
    price = cheapest_price(usual)
    if price is None:
        return _shorter(usual, cheapest_price)
    best = usual
    for mark in context_marks(longest):
        if usual < mark <= GENEROUS_CONTEXT and cheapest_price(mark) == price:
            best = mark
    if best == longest:
        return best, Reason("context", "The longest that the model was trained for.")
    sentence = "As much as the cheapest card has room for, up to 32,768; more may cost more."
    return best, Reason("context", sentence)


def _shorter(usual: int, cheapest_price: CheapestPrice) -> tuple[int, Reason]:
    for context in FALLBACK_CONTEXTS:
        if context < usual and cheapest_price(context) is not None:
            return context, Reason("context", "More would not fit on any card offered.")
    return usual, Reason("context", "A usual length; nothing offered holds this model.")


def _check_context(wanted: int, longest: int) -> None:
    smallest = min(SMALLEST_CONTEXT, longest)
    if not smallest <= wanted <= longest:
        raise ChoiceError(
            "context",
            f"The context length is {wanted:,} tokens; this model takes {smallest:,} to "
            f"{longest:,}.",
        )


def choose_slots(wanted: int | None, family: EngineFamily, *, causal: bool) -> tuple[int, Reason]:
    """How many requests run at the same time, and why. Raises ChoiceError."""
    if wanted is not None:
        if not 1 <= wanted <= LARGEST_SLOTS:
            raise ChoiceError("slots", f"Slots are {wanted}; use 1 to {LARGEST_SLOTS}.")
        return wanted, Reason("slots", "You chose how many requests run at the same time.")
    if family is EngineFamily.VLLM:
        return USUAL_VLLM_SLOTS, Reason(
            "slots",
            "Requests share one pool of memory, so many cost no more: short ones run together.",
        )
    if not causal:
        return USUAL_SLOTS, Reason("slots", "Embeddings keep no cache, so slots cost little.")
    return USUAL_SLOTS, Reason(
        "slots", "Enough for a person with a few tools, or a small team; each has its own context."
    )


def choose_kv(
    wanted: KvType | None, family: EngineFamily, architecture: Architecture, slots: int
) -> tuple[KvType, Reason]:
    """Type of the KV cache's elements, and why. Raises ChoiceError."""
    possible = KV_TYPES[family]
    if wanted is None:
        return KvType.F16, Reason(
            "kv",
            "Sixteen bits lose nothing; q8_0 halves the cache if memory is short."
            if family is EngineFamily.LLAMA_CPP
            else "The model's own precision; fp8 halves the cache if memory is short.",
        )
    if wanted not in possible:
        names = ", ".join(kv.value for kv in possible)
        raise ChoiceError("kv", f"This engine has no {wanted.value} KV cache. Choose {names}.")
    is_llama_cpp = family is EngineFamily.LLAMA_CPP
    workload = Workload(SMALLEST_CONTEXT, slots, wanted)
    if is_llama_cpp and (refused := cache_types.refusal(architecture, workload)):
        raise ChoiceError("kv", refused)
    return wanted, Reason("kv", "You chose the type of the KV cache.")
