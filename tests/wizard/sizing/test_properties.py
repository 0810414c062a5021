"""What holds for every model and workload."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wizard.sizing import shapes
from wizard.registry.values import Architecture, Variant
from wizard.sizing import (
    budget,
    estimate,
    largest_context,
    most_slots,
    needed_bytes,
    smallest_budget,
)
from wizard.sizing.values import EngineFamily, KvType, Workload


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    """A known shape with something changed, or a random one."""
    base = draw(st.sampled_from(shapes.ALL))
    layers = draw(st.integers(1, 100))
    flags = st.lists(st.booleans(), min_size=layers, max_size=layers).map(tuple)
    heads = st.lists(st.sampled_from((0, 1, 2, 8)), min_size=layers, max_size=layers).map(tuple)
    changed = replace(
        base,
        layers=layers,
        kv_heads=draw(heads),
        sliding_layers=draw(st.just(()) | flags),
        sliding_window=draw(st.sampled_from((0, 128, 4096))),
        recurrent_layers=draw(st.just(()) | flags),
        shared_kv_layers=draw(st.integers(0, layers)),
        nextn_layers=draw(st.integers(0, 2)),
        tied_embeddings=draw(st.booleans()),
    )
    return draw(st.sampled_from((base, changed)))


variants = st.builds(shapes.gguf, st.integers(10**6, 10**12)) | st.builds(
    shapes.safetensors, st.integers(10**6, 10**12)
)
workloads = st.builds(
    Workload,
    context_length=st.integers(256, 200_000),
    slots=st.integers(1, 64),
    kv_type=st.sampled_from(KvType),
    family=st.sampled_from(EngineFamily),
    gpus=st.sampled_from((1, 2, 4, 8)),
    nodes=st.just(1),
    flash_attention=st.booleans(),
    unified_kv=st.booleans(),
)
# Tensors of layers in RAM find room in holes on the card, or not, as ggml's allocator does: what
# is larger may leave a hole that the next one fits into, so that more may take a little less.
partly = st.builds(
    lambda workload, count: replace(workload, gpu_layers=count), workloads, st.integers(0, 120)
)


@given(architectures(), variants, workloads | partly)
def test_parts_add_up(architecture: Architecture, variant: Variant, workload: Workload) -> None:
    found = estimate(architecture, variant, workload)
    assert sum(part.size for part in found.parts) == found.total
    assert found.largest_gpu * workload.gpus * workload.nodes >= found.total
    assert found.largest_gpu == needed_bytes(architecture, variant, workload)
    assert found.largest_gpu <= found.total
    assert all(part.size > 0 and part.formula for part in found.parts)
    assert min(found.host, found.disk) > 0


@given(architectures(), variants, workloads, st.integers(1, 5000), st.integers(1, 5))
def test_more_takes_no_less(
    architecture: Architecture, variant: Variant, workload: Workload, tokens: int, slots: int
) -> None:
    least = estimate(architecture, variant, workload)
    longer = replace(workload, context_length=workload.context_length + tokens)
    wider = replace(workload, slots=workload.slots + slots)
    for more in (longer, wider):
        found = estimate(architecture, variant, more)
        assert found.total >= least.total
        assert found.largest_gpu >= least.largest_gpu
        assert found.host >= least.host


@given(architectures(), workloads | partly, st.integers(10**8, 10**11), st.integers(0, 10**10))
def test_more_bytes_take_no_less(
    architecture: Architecture, workload: Workload, size: int, more: int
) -> None:
    small, large = (shapes.gguf(size), shapes.gguf(size + more))
    least, most = (estimate(architecture, variant, workload) for variant in (small, large))
    assert most.weights >= least.weights
    assert most.disk >= least.disk


@given(architectures(), variants, workloads | partly)
def test_fewer_bits_take_no_more(
    architecture: Architecture, variant: Variant, workload: Workload
) -> None:
    caches = [
        estimate(architecture, variant, replace(workload, kv_type=kv_type)).kv_cache
        for kv_type in (KvType.Q4_0, KvType.Q8_0, KvType.F16)
    ]
    assert caches == sorted(caches)


@settings(max_examples=60)
@given(architectures(), variants, workloads, st.integers(10**9, 10**11))
def test_largest_context_is_the_last_that_fits(
    architecture: Architecture, variant: Variant, workload: Workload, room: int
) -> None:
    longest = largest_context(architecture, variant, workload, room)

    def needed(context: int) -> int:
        return needed_bytes(architecture, variant, replace(workload, context_length=context))

    assert 0 <= longest <= architecture.context_length
    if longest:
        assert needed(longest) <= room
    if longest + 256 <= architecture.context_length:
        assert needed(longest + 256) > room


@settings(max_examples=60)
@given(architectures(), variants, workloads, st.integers(10**9, 10**11))
def test_most_slots_is_the_last_that_fits(
    architecture: Architecture, variant: Variant, workload: Workload, room: int
) -> None:
    most = most_slots(architecture, variant, workload, room)

    def needed(slots: int) -> int:
        if workload.family is not EngineFamily.VLLM:
            return needed_bytes(architecture, variant, replace(workload, slots=slots))
        found = estimate(architecture, variant, workload)
        one = (found.kv_cache + found.recurrent_state) // (max(1, workload.gpus) * workload.nodes)
        return found.largest_gpu + (slots - 1) * one

    assert 0 <= most <= 256
    assert most == 0 or needed(most) <= room
    assert most == 256 or needed(most + 1) > room


@given(architectures(), variants, workloads)
def test_smallest_budget_is_enough_for_something(
    architecture: Architecture, variant: Variant, workload: Workload
) -> None:
    least = smallest_budget(architecture, variant, workload)
    one = replace(workload, slots=1)
    enough, less = (budget(size, one) for size in (least, least - 2))
    assert largest_context(architecture, variant, one, enough) >= 256
    assert largest_context(architecture, variant, one, less) == 0
