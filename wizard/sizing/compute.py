"""llama.cpp's compute buffers: what one step needs beside weights and caches.

One lies on each card and one in RAM; for CPU only there is one. Derived from
``llama_context::sched_reserve`` and the graphs of `wizard.sizing.stages`.
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import (
    attention,
    crossing,
    deepstack,
    encoders,
    kernels,
    layers,
    matrices,
    mixtures,
    offloaded,
    placement,
    residual,
    scores,
    stages,
    step_layers,
)
from wizard.sizing.cells import BLOCKS, PLAIN, cells
from wizard.sizing.recurrence import kept_states, recurrent, state_copies
from wizard.sizing.step_inputs import (
    inputs,
    masks,
    output_count,
    scored_cells,
    token_count,
    unpacked,
)
from wizard.sizing.step_tensors import NOTHING, InRam
from wizard.sizing.values import KvType, Workload

# ggml keeps this many copies of a graph's inputs when steps overlap on several
# cards (``GGML_SCHED_MAX_COPIES``).
_COPIES = 4
_FLOAT = 4
# Keys are turned before they are quantised where it divides their heads (``attn_rot_k``).
_TURNED = 64
# The feed-forward part runs while the attention's result is kept.
_PARALLEL = frozenset({"cohere2", "cohere2moe", "command-r", "falcon", "gptneox", "phi2", "plamo"})
# A further layer routes to adapters, and leaves a hole.
_ROUTED = frozenset({"graniteswitch"})
# Where embeddings are looked up in the same buffer, a hole is left.
_LEAVES_HOLE = frozenset({"afmoe", "deepseek4", "mamba", "step35"})
# A scan runs then.
_SCANS_BESIDE = frozenset({"falcon-h1"})


def scratch(architecture: Architecture, workload: Workload, card: int | None = None) -> int:
    """Bytes of a step's activations, 32-bit floats, on one card, the output's if not told.

    Or there of the logits, where they are more.
    """
    fused, tokens = kernels.is_fused(architecture, workload), token_count(architecture, workload)
    span = scored_cells(architecture, workload)
    if card and deepstack.applies(architecture):
        architecture = deepstack.behind_first(architecture)
    if encoders.applies(architecture):
        place = (card or 0) if workload.gpus else None
        row = encoders.widest(architecture, span, fused=fused, card=place)
        return _FLOAT * tokens * row
    row = _widest(architecture, workload, span, fused=fused)
    again = mixtures.pieces(architecture) if workload.gpus else _looked_up(architecture)
    has_logits = card is None or card == max(0, placement.output_card(architecture, workload))
    turned = 0 if fused else _turned(architecture, workload)
    if turned <= _FLOAT * tokens * mixtures.left(architecture):
        # They go where experts' results were.
        turned = 0
    return max(
        _FLOAT * tokens * row + turned,
        _recurrent(architecture, workload, again),
        _FLOAT * _logits(architecture, workload) if has_logits else 0,
    )


def _logits(architecture: Architecture, workload: Workload) -> int:
    """Elements of all outputs' logits, and of what lies beside."""
    tokens, outputs = token_count(architecture, workload), output_count(architecture, workload)
    width, cards = architecture.embedding_length, workload.gpus
    if deepstack.applies(architecture):
        beside = tokens * deepstack.beside(architecture, cards=cards)
    else:
        beside = outputs * 2 * width + tokens * (2 if cards else 3) * width
        if outputs >= tokens and not kernels.is_fused(architecture, workload):
            # All outputs are as wide as scores, and lie behind the same holes.
            beside = max(beside, tokens * scores.beside_experts(architecture, cards=cards))
    return outputs * architecture.vocab_size + beside


def _widest(architecture: Architecture, workload: Workload, span: int, *, fused: bool) -> int:
    """Elements a token at the widest stage."""
    cards = workload.gpus
    if deepstack.applies(architecture):
        return deepstack.widest(architecture, span, fused=fused, cards=cards)
    row = stages.widest(architecture, span, fused=fused, cards=cards)
    if workload.kv_type is not KvType.F16 and _turns_apart(architecture, cards):
        row += residual.queries(architecture)
    return row + (mixtures.pieces(architecture) if cards else _looked_up(architecture))


def _turns_apart(architecture: Architecture, cards: int) -> bool:
    """Whether queries that are turned for a quantised cache lie in a place of their own."""
    if cards:
        return architecture.name in _ROUTED
    return architecture.name in _PARALLEL or architecture.per_layer_embedding > 0


def _without_scores(architecture: Architecture, workload: Workload) -> int:
    """Bytes of a step's activations, attention's scores aside."""
    span = scored_cells(architecture, workload)
    row = _widest(architecture, workload, span, fused=True)
    again = mixtures.pieces(architecture)
    return max(
        _FLOAT * token_count(architecture, workload) * row,
        _recurrent(architecture, workload, again),
    )


def _recurrent(architecture: Architecture, workload: Workload, again: int) -> int:
    """Bytes of a recurrent layer, with the states of all slots."""
    if not architecture.recurrent_layers:
        return 0
    tokens, slots = token_count(architecture, workload), workload.slots
    each = layers.convolution_elements(architecture)
    copies = state_copies(architecture, tokens, slots)
    copies += kept_states(architecture, workload.drafts) - 1
    each += copies * layers.state_elements(architecture)
    row = recurrent(architecture, -(-tokens // slots)) + again
    return _FLOAT * (tokens * row + each * slots)


def _turned(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one layer's values, transposed where the cache does not hold them so."""
    each, _ = BLOCKS[workload.values_type if workload.values_type in PLAIN else KvType.F16]
    if architecture.kv_lora_rank:
        return each * architecture.kv_lora_rank * cells(architecture, workload).full
    if not workload.flash_attention:
        return 0
    span, found = cells(architecture, workload), layers.kv_kinds(architecture)
    sizes = (layer.values * (span.sliding if layer.window else span.full) for layer in found)
    return each * max(sizes, default=0)


def _looked_up(architecture: Architecture) -> int:
    """Elements of a token's embeddings, which lie in the same buffer without a card.

    As an input for images and sound; where they are looked up, some leave a hole.
    """
    rows = 1 + 3 * architecture.deepstack_layers
    rows += architecture.name in _LEAVES_HOLE or architecture.per_layer_embedding > 0
    rows += 2 * (architecture.experts > 0 and architecture.name in matrices.ONE_PART)
    return architecture.embedding_length * rows


def card_bytes(
    architecture: Architecture,
    workload: Workload,
    card: int,
    in_ram: InRam = NOTHING,
) -> int:
    """Bytes of one card's compute buffer, or of the only one in RAM.

    On several cards steps overlap: inputs are kept four times, and so is what
    comes from the card before (``cparams.pipeline_parallel``). The first card also
    computes for layers in RAM, one matrix after the other (``op_offload``).
    """
    if card and not placement.layers_on(card, architecture, workload):
        return _output_alone(architecture, workload, card)
    is_whole = placement.is_whole(architecture, workload)
    has_ram = not is_whole or (workload.gpus > 0 and workload.experts_on_host)
    if has_ram and step_layers.applies(architecture, workload):
        return step_layers.card_bytes(architecture, workload, in_ram, card)
    summed = _summed(architecture, workload, card, in_ram)
    if card or not in_ram.moved:
        return summed
    if architecture.indexer_length:
        # What is chosen lies there until the end, in pieces that no matrix fits between.
        return summed + in_ram.moved
    # Experts in RAM are computed on the first card, and scores by then no longer there.
    own = inputs(architecture, workload, layers_here=architecture.layers)
    return max(summed, _without_scores(architecture, workload) + own + in_ram.moved)


def _summed(architecture: Architecture, workload: Workload, card: int, in_ram: InRam) -> int:
    """The same where tensors are not followed: what is widest, and all that lies beside it."""
    is_whole = placement.is_whole(architecture, workload)
    here = -(-architecture.layers // workload.gpus) if workload.gpus else 1
    own = inputs(architecture, workload, layers_here=here)
    if kernels.attends_in_ram(architecture, workload):
        own -= masks(architecture, workload)
    total = _peak(architecture, workload, card) + own
    if workload.gpus:
        total -= _FLOAT * token_count(architecture, workload) * _absent(architecture, card)
    if not card and not is_whole:
        stage = _without_scores(architecture, workload)
        if not offloaded.attends_on_card(architecture, workload):
            total = stage + own
        matrix = max(0, in_ram.largest - in_ram.moved)
        visited = offloaded.card_bytes(
            architecture, workload, total=total, own=own, stage=stage, matrix=matrix
        )
        # What is read again stays on the card from the first time to the last.
        return visited + in_ram.looped
    if not _overlaps(architecture, workload):
        return total
    rows = crossing.arriving(architecture, workload, card) + residual.carried(architecture)
    rows += crossing.elements(architecture, workload, card)
    back = crossing.hosted_bytes(architecture, workload, card, token_count(architecture, workload))
    back += placement.caches_elsewhere(architecture, workload, card)
    total += (_COPIES - 1) * own + _COPIES * back
    return total + _FLOAT * _COPIES * rows * token_count(architecture, workload)


def _output_alone(architecture: Architecture, workload: Workload, card: int) -> int:
    """Bytes of a card without layers: the logits, if any, and what they are made of."""
    if card != placement.output_card(architecture, workload):
        return 0
    row = architecture.vocab_size + 2 * architecture.embedding_length
    return _FLOAT * output_count(architecture, workload) * row


def _absent(architecture: Architecture, card: int) -> int:
    """Elements of a branch of a graph's inputs that does not lie on a card.

    They lie on the first, unless positions are added to them in RAM.
    """
    if encoders.applies(architecture) or not card:
        rows = int(architecture.learned_positions and architecture.causal)
    else:
        is_wide = residual.queries(architecture) >= 2 * architecture.embedding_length
        is_odd = architecture.recurrent_layers or architecture.name in _ROUTED
        rows = 0 if is_odd or is_wide else 1
    return rows * architecture.embedding_length


def _overlaps(architecture: Architecture, workload: Workload) -> bool:
    """Whether steps overlap (``cparams.pipeline_parallel``): everything on several cards."""
    is_whole = placement.is_whole(architecture, workload) and not workload.experts_on_host
    return workload.gpus > 1 and is_whole


def _peak(architecture: Architecture, workload: Workload, card: int) -> int:
    """The wider of a step's stages and of attention with its cache unpacked."""
    widest = scratch(architecture, workload, card)
    extra = unpacked(architecture, workload)
    if not extra:
        return widest
    tokens, span = token_count(architecture, workload), scored_cells(architecture, workload)
    row = attention.beside_cache(architecture)
    if not _turns(architecture, workload):
        row += 2 * architecture.embedding_length
    if deepstack.applies(architecture):
        row = deepstack.beside(architecture, cards=workload.gpus)
        row += residual.queries(architecture)
    if architecture.kv_lora_rank:
        row = attention.width(architecture, span, fused=True, cards=workload.gpus)
        row += attention.chosen(architecture, span, workload.gpus)
        # The result, and the cache behind it, go where queries were put together.
        extra += _FLOAT * tokens * architecture.heads * architecture.kv_lora_rank
        if extra <= _FLOAT * tokens * attention.put_together(architecture):
            extra = 0
        row += 2 * architecture.embedding_length if extra else 0
    beside = _FLOAT * tokens * row
    if architecture.name in _PARALLEL:
        beside = widest + _FLOAT * tokens * 2 * architecture.embedding_length
    if architecture.name in _SCANS_BESIDE:
        beside = _recurrent(architecture, workload, 2 * architecture.embedding_length)
    return max(widest, beside + extra)


def _turns(architecture: Architecture, workload: Workload) -> bool:
    """Whether queries are turned as keys that are unpacked were; else they stay where they were."""
    if workload.kv_type in (KvType.F16, KvType.F32):
        return True
    return workload.kv_type is not KvType.BF16 and not architecture.key_length % _TURNED


def host_bytes(architecture: Architecture, workload: Workload, expert_bytes: int = 0) -> int:
    """Bytes of the compute buffer in RAM beside cards: inputs, and embeddings looked up.

    And what is computed there although a card is at hand (`wizard.sizing.hosted`);
    ``expert_bytes`` are one matrix of all experts.
    """
    if not workload.gpus:
        return 0
    copies = _COPIES if _overlaps(architecture, workload) else 1
    tokens, branches = token_count(architecture, workload), residual.branches(architecture)
    given = _FLOAT * tokens * branches * residual.given(architecture)
    kept = inputs(architecture, workload) + given
    rows = (branches + architecture.learned_positions) * architecture.embedding_length
    rows += matrices.looked_up_by_layers(architecture)
    rows += architecture.embedding_length if architecture.name in residual.SCALED_STREAMS else 0
    least = _FLOAT * rows * tokens
    if not placement.is_whole(architecture, workload):
        least += offloaded.host_bytes(architecture, workload)
        # What was given is free again by then.
        least = max(least, offloaded.last_attention(architecture, workload) - given)
    found = crossing.hosted_in(architecture, workload, tokens)
    if found is None:
        return copies * kept + least
    read = found.reads + (expert_bytes if found.reads_experts else 0)
    if copies == 1:
        return kept + max(least, read + found.gives)
    return copies * (kept + len(found.layers) * read) + max(least, found.gives)
