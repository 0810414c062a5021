"""Memory under llama.cpp: our runtime, llama-server and Ollama.

Formulas follow llama.cpp's sources, named where used. Layers are split over
cards in equal shares, as ``--split-mode layer`` does on cards of one kind.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from wizard.registry.values import Architecture, Variant
from wizard.sizing import (
    by_shape,
    cache_words,
    compressed,
    compute,
    drafting,
    experts_in_ram,
    host,
    hosted,
    images,
    layers,
    placement,
    runtime,
    step_inputs,
    weights,
)
from wizard.sizing.cells import cells, padded, step
from wizard.sizing.recurrence import kept_states
from wizard.sizing.step_tensors import InRam
from wizard.sizing.values import HOPPER, MemoryEstimate, Part, Workload
from wizard.sizing.weights import Weights
from wizard.sizing.words import plural, size

# Shares of a file: what may lie elsewhere than it is counted, and by how much layers or
# experts may be larger or smaller where only some of them lie on cards.
_UNSURE, _UNEVEN = 0.01, 0.015
_CHECKPOINTS = 32
_CHECKPOINT_STEP = 8192


def kv_bytes_per_token(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one cell in all layers together, sliding or not."""
    return sum(cell for cell, _ in placement.cell_bytes(architecture, workload).values())


@dataclass(frozen=True)
class _Sum:
    """Bytes of each buffer over all cards, or in RAM without one; and beside cards in RAM."""

    part: Weights
    places: placement.Places
    weights: int
    kv_cache: int
    state: int
    compute: int
    projector: int
    runtime: int
    largest: int
    host_weights: int
    host_compute: int
    host_kv_cache: int
    host_state: int


def _sum(architecture: Architecture, variant: Variant, workload: Workload) -> _Sum:
    places = placement.places(architecture, variant, workload)
    cards, count = places.cards, len(places.cards)
    kv, state = _caches(architecture, workload, places)
    part = weights.split(architecture, variant)
    on_host = workload.experts_on_host and workload.gpus > 0
    moved = experts_in_ram.visiting(architecture, workload, part) if on_host else 0
    matrix = _largest_in_ram(architecture, workload, part)
    projector = variant.projector.size if variant.projector else 0
    looped = _looped_in_ram(architecture, workload, part)
    in_ram = InRam(matrix, part.name, part.is_merged, looped, moved)
    scratch = [compute.card_bytes(architecture, workload, card, in_ram) for card in range(count)]
    # Images are computed on the first card.
    scratch[0] += images.reserved(architecture, workload, projector)
    loaded, drafts = [int(card.weights) for card in cards], drafting.added(architecture, workload)
    loaded[-1] += part.skipped if workload.drafts else 0
    kv[-2] += drafts.cache
    scratch[-1] += drafts.compute
    adapters = -(-workload.adapter_bytes // count)
    own = runtime.size(architecture, workload)
    on_card = [loaded[i] + kv[i] + state[i] + scratch[i] + own + adapters for i in range(count)]
    on_card[0] += projector
    return _Sum(
        part=part,
        places=places,
        weights=sum(loaded) + adapters * count,
        kv_cache=sum(kv[:-1]),
        state=sum(state[:-1]),
        compute=sum(scratch),
        projector=projector,
        runtime=own * count,
        largest=max(on_card),
        host_weights=int(places.host.weights),
        host_compute=drafts.host
        + compute.host_bytes(
            architecture, workload, 0 if on_host else experts_in_ram.last_matrix(part)
        ),
        host_kv_cache=kv[-1],
        host_state=state[-1],
    )


def _largest_in_ram(architecture: Architecture, workload: Workload, part: Weights) -> int:
    """Bytes of the largest matrix of the layers left in RAM; of dense ones at most half of one."""
    first = placement.first_on_card(architecture, workload)
    if not first or not architecture.experts or first > architecture.dense_layers:
        return int(part.largest_matrix)
    return int(min(part.largest_matrix, max(part.blocks[:first], default=0.0) / 2))


def _looped_in_ram(architecture: Architecture, workload: Workload, part: Weights) -> int:
    """Bytes of the layers in RAM whose weights others run, too."""
    users = Counter(architecture.weight_layers)
    first = placement.first_on_card(architecture, workload)
    again = (index for index, count in users.items() if index < first and count > 1)
    return int(sum(part.blocks[index] for index in again))


def _caches(
    architecture: Architecture, workload: Workload, places: placement.Places
) -> tuple[list[int], list[int]]:
    """Bytes of keys and values, and of states, on each card and at last in RAM."""
    if compressed.applies(architecture):
        return _compressed(architecture, workload)
    span = cells(architecture, workload)
    found = (*places.cards, places.host)
    kv = [place.full_cell * span.full + place.sliding_cell * span.sliding for place in found]
    kept = workload.slots * kept_states(architecture, workload.drafts)
    state = [place.state * kept for place in found]
    state[placement.card_of(0, architecture, workload)] += (
        4 * architecture.extra_state * workload.slots
    )
    return kv, state


def _compressed(architecture: Architecture, workload: Workload) -> tuple[list[int], list[int]]:
    """DeepSeek-V4's, in even parts of the layers."""
    count, first = max(1, workload.gpus), placement.first_on_card(architecture, workload)
    sizes = (
        compressed.cache_bytes(architecture, workload),
        compressed.state_bytes(architecture) * workload.slots,
    )
    left = [size * min(first, architecture.layers) // architecture.layers for size in sizes]
    kv, state = (
        [*_shares(size - host, count), host] for size, host in zip(sizes, left, strict=True)
    )
    return kv, state


def _shares(size: int, count: int) -> list[int]:
    """As even parts of a size as whole bytes allow."""
    return [size // count + (1 if index < size % count else 0) for index in range(count)]


def needed(architecture: Architecture, variant: Variant, workload: Workload) -> int:
    """Bytes on the fullest card, or in RAM for CPU only; the fast path of `estimate`."""
    found = _sum(architecture, variant, workload)
    if workload.gpus:
        return found.largest
    return _host(architecture, workload, found)


def _host(architecture: Architecture, workload: Workload, found: _Sum) -> int:
    """RAM; for CPU only with all buffers, and always with the checkpoints of slots.

    What a slot cannot roll back (sliding caches cut short, recurrent states) is copied
    to RAM every 8,192 tokens, 32 copies at most (``n_ctx_checkpoints``,
    ``checkpoint_min_step`` of llama-server).
    """
    window = min(padded(architecture.sliding_window), padded(workload.context_length))
    window *= not workload.swa_full
    places = (*found.places.cards, found.places.host)
    one = sum(place.sliding_cell * window + place.state for place in places)
    copies = min(_CHECKPOINTS, 1 + workload.context_length // _CHECKPOINT_STEP)
    buffers = 0 if workload.gpus else found.largest
    buffers += found.host_weights + found.host_kv_cache + found.host_state
    buffers += found.host_compute
    return host.llama_cpp_host(architecture, workload, buffers + one * copies * workload.slots)


def estimate(architecture: Architecture, variant: Variant, workload: Workload) -> MemoryEstimate:
    """Memory of a workload under llama.cpp, in bytes, each buffer with its formula."""
    found = _sum(architecture, variant, workload)
    unsure = experts_in_ram.unsure(architecture, variant, workload, found.part, found.largest)
    return MemoryEstimate(
        weights=found.weights,
        kv_cache=found.kv_cache,
        recurrent_state=found.state,
        compute=found.compute,
        projector=found.projector,
        runtime=found.runtime,
        host=_host(architecture, workload, found),
        disk=host.disk(variant),
        largest_gpu=found.largest if workload.gpus else 0,
        host_weights=found.host_weights,
        host_compute=found.host_compute,
        host_kv_cache=found.host_kv_cache,
        host_state=found.host_state,
        repacked=0 if workload.gpus else weights.repacked(architecture, variant),
        parts=_parts(architecture, variant, workload, found, unsure),
        exact=variant.size_is_exact
        and not unsure
        and _is_exact(architecture, workload, found.part),
    )


def _is_exact(architecture: Architecture, workload: Workload, part: Weights) -> bool:
    """Whether the buffers are known well: not of odd models that lie in RAM in part.

    Nor of files that are not as large as their quantisation makes them.
    """
    if is_packed_otherwise(architecture, workload, part):
        return False
    if placement.is_whole(architecture, workload):
        return architecture.exact
    is_odd = bool(architecture.weight_layers) or compressed.applies(architecture)
    return architecture.exact and not is_odd and hosted.hosted(architecture, 1, 1) is None


def is_packed_otherwise(architecture: Architecture, workload: Workload, part: Weights) -> bool:
    """Whether a file is packed in a way of its own that may change what lies on cards."""
    if abs(part.off) > by_shape.ODD or (workload.gpus and part.unsure > _UNSURE):
        return True
    is_divided = workload.gpus > 0 and workload.experts_on_host
    is_divided = is_divided or not placement.is_whole(architecture, workload)
    return is_divided and abs(part.off) > _UNEVEN


def _parts(
    architecture: Architecture, variant: Variant, workload: Workload, found: _Sum, unsure: str
) -> tuple[Part, ...]:
    part = found.part
    rows = (
        (
            "weights",
            "Weights",
            found.weights,
            _weights_words(architecture, variant, workload, part),
        ),
        ("kv_cache", "KV cache", found.kv_cache, cache_words.caches(architecture, workload)),
        ("recurrent_state", "Recurrent state", found.state, _state_words(architecture, workload)),
        (
            "compute",
            "Compute",
            found.compute,
            _compute_words(architecture, variant, workload) + unsure,
        ),
        ("projector", "Vision projector", found.projector, "the projector's file, on one card"),
        ("runtime", "Runtime", found.runtime, _runtime_words(workload, found)),
    )
    return tuple(Part(*row) for row in rows if row[2])


def _weights_words(
    architecture: Architecture, variant: Variant, workload: Workload, part: Weights
) -> str:
    words = f"{size(part.file)} of files, less the tokenizer"
    if workload.gpus and part.embeddings > part.tied:
        words += f", less {size(part.embeddings - part.tied)} of token embeddings that stay in RAM"
    if workload.experts_on_host and workload.gpus:
        experts = sum(part.experts[: workload.expert_layers])
        words += f", less {size(int(experts))} of experts that stay in RAM"
    if not placement.is_whole(architecture, workload):
        words += f", less the layers before the last {workload.gpu_layers}, which stay in RAM"
    if workload.adapter_bytes:
        words += f", with {size(workload.adapter_bytes)} of adapters"
    if part.skipped and not workload.drafts:
        words += f", less {size(part.skipped)} of prediction blocks that are not loaded"
    is_odd = is_packed_otherwise(architecture, workload, part)
    return words + (_odd_size_words(part.off, variant) if is_odd else "")


def _odd_size_words(off: float, variant: Variant) -> str:
    name, compared = variant.quantisation or "any usual mix", "larger" if off > 0 else "smaller"
    return (
        f"; the file is {abs(off):.0%} {compared} than {name} makes of these shapes, so that how "
        "its tensors are packed is a guess: a list of them would tell"
    )


def _state_words(architecture: Architecture, workload: Workload) -> str:
    count = len(layers.recurrent_layers(architecture))
    each = placement.state_bytes(architecture)
    if compressed.applies(architecture):
        return f"what is being compressed, for {plural(workload.slots, 'slot')}"
    kept = kept_states(architecture, workload.drafts)
    again = f" × {kept} tokens that a draft may end at" if kept > 1 else ""
    return f"{plural(count, 'layer')} × {each:,} bytes × {plural(workload.slots, 'slot')}{again}"


def _compute_words(architecture: Architecture, variant: Variant, workload: Workload) -> str:
    where = "" if workload.gpus <= 1 else f", on each of {workload.gpus} cards"
    projector = variant.projector.size if variant.projector else 0
    image = images.reserved(architecture, workload, projector)
    where += f"; and {size(image)} for an image, on one" if image else ""
    unpacked = step_inputs.unpacked(architecture, workload)
    extra = f", {size(unpacked)} to unpack one layer's cache" if unpacked else ""
    if drafts := drafting.added(architecture, workload).compute:
        extra += f", {size(drafts)} for the layers that draft"
    if not placement.is_whole(architecture, workload):
        extra += ", and room for a matrix, or a cache, of a layer in RAM"
    return (
        f"{size(compute.scratch(architecture, workload))} for a step of {step(workload):,} tokens, "
        f"{size(step_inputs.inputs(architecture, workload))} of attention masks{extra}{where}"
    )


def _runtime_words(workload: Workload, found: _Sum) -> str:
    if not workload.gpus:
        return f"{size(found.runtime)} for the server and its vocabulary"
    each, card = found.runtime // workload.gpus, workload.card
    named = ", an H100 where none is named" if card == HOPPER else ""
    return (
        f"{size(each)} for CUDA's context, cuBLAS, kernels and products on "
        f"{plural(workload.gpus, 'card')} of {card.multiprocessors} multiprocessors{named}"
    )
