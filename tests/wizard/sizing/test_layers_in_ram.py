"""The estimate with some layers in RAM, against what llama.cpp's own scheduler reserved.

``layers_in_ram.json`` has workloads of the models of the other files, with random numbers of
layers on one card or two, drawn and counted before the estimate was looked at (as in
``test_blind.py``).
"""

from __future__ import annotations

from tests.wizard.sizing import counted_cases
from wizard.sizing import step_layers

CASES = counted_cases.read("layers_in_ram.json", "families.json", "blind.json", "drawn.json")
MIB = 1 << 20
# A card's rows of quantised caches are padded, which is no part of their size.
PADDING = 1 << 17


def test_it_works() -> None:
    assert len({case.model for case in CASES}) >= 100
    assert {case.workload.gpus for case in CASES} == {1, 2}
    assert all(case.workload.gpu_layers is not None for case in CASES)


def test_caches_are_the_engines_to_the_byte() -> None:
    for case in CASES:
        found = case.estimated()
        off = case.caches - found.kv_cache - found.recurrent_state
        assert 0 <= off <= (PADDING if case.is_padded else 0), case
        assert found.host_kv_cache + found.host_state == case.caches_host, case


def test_compute_is_the_engines_where_each_tensor_is_followed() -> None:
    """Also of a second card, whose layers all lie on it."""
    ratios = []
    for case in CASES:
        if step_layers.applies(case.architecture, case.workload):
            found = case.estimated().compute
            assert found >= case.compute - 16 * MIB, case
            ratios.append(found / case.compute)
    assert sum(0.995 < ratio < 1.005 for ratio in ratios) >= 0.9 * len(ratios)


def test_compute_is_seldom_less_and_never_by_much() -> None:
    """Where it is, a model has layers with states, and is summed up."""
    under = [case.compute - case.estimated().compute for case in CASES]
    assert max(under) <= 192 * MIB
    assert sum(size > 0.02 * case.compute for size, case in zip(under, CASES, strict=True)) <= 8


def test_attention_that_stays_in_ram_is_counted_there() -> None:
    """Of the last layer where none lies on a card, and a feed-forward part is beside it."""
    beside = {"cohere2", "command-r", "gptneox"}
    cases = [case for case in CASES if case.architecture.name in beside]
    for case in cases:
        found = case.estimated().host_compute
        assert case.compute_host <= found < 1.06 * case.compute_host, case
    assert len(cases) >= 6
