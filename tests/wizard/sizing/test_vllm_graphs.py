"""What vLLM captures as CUDA graphs, by the rules of its sources."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wizard.sizing import shapes
from wizard.sizing import vllm_graphs
from wizard.sizing.values import CudaCard, EngineFamily, KvType, Workload
from wizard.sizing.vllm_graphs import graphs

MIB = 1 << 20
WORKLOAD = Workload(8192, slots=1, family=EngineFamily.VLLM)
AMPERE = replace(WORKLOAD, pads_experts=True, exports_states=False)


@pytest.mark.parametrize(
    ("requests", "tokens", "pieces", "whole"),
    [(256, 2048, 51, 35), (1024, 8192, 51, 51), (64, 2048, 19, 11), (1, 2048, 2, 1)],
)
def test_it_works(requests: int, tokens: int, pieces: int, whole: int) -> None:
    """The first two are what logs print, as PIECEWISE=51, FULL=35 and PIECEWISE=51, FULL=51."""
    workload = replace(WORKLOAD, sequences=requests, batched_tokens=tokens)
    found = graphs(shapes.LLAMA_8B, workload)
    assert (found.pieces, found.whole) == (pieces, whole)


def test_the_most_requests_are_captured_too_though_no_step_ends_there() -> None:
    found = vllm_graphs._sizes(100, 2048, 200)
    assert found[-2:] == (192, 200)
    assert 100 in found


def test_blackwell_of_data_centres_captures_up_to_1024_tokens() -> None:
    workload = replace(AMPERE, batched_tokens=16_384, card=CudaCard(148, (10, 0)))
    assert graphs(shapes.LLAMA_8B, workload).pieces == 83


def test_gpt_oss_captures_up_to_1024_tokens() -> None:
    named = replace(shapes.GPT_OSS_20B, name="gpt_oss")
    assert graphs(named, replace(AMPERE, batched_tokens=8192)).pieces == 83


def test_hopper_keeps_32_parts_of_each_request() -> None:
    """32 parts of 256 requests' 32 heads of 128 numbers of 32 bits."""
    ours = graphs(shapes.LLAMA_8B, WORKLOAD).size - graphs(shapes.LLAMA_8B, AMPERE).size
    assert ours == 32 * 256 * 32 * 128 * 4
    halved = replace(WORKLOAD, gpus=2)
    apart = replace(AMPERE, gpus=2)
    found = graphs(shapes.LLAMA_8B, halved).size - graphs(shapes.LLAMA_8B, apart).size
    assert found * 2 == ours


def test_mla_keeps_parts_as_wide_as_its_rows() -> None:
    found = graphs(shapes.DEEPSEEK_V3, WORKLOAD).size - graphs(shapes.DEEPSEEK_V3, AMPERE).size
    assert found == 32 * 256 * 128 * 512 * 4


def test_more_layers_have_more_graphs() -> None:
    deep = replace(shapes.LLAMA_8B, layers=64, kv_heads=(8,) * 64)
    more = graphs(deep, AMPERE).size - graphs(shapes.LLAMA_8B, AMPERE).size
    # 51 pieces of 8 kernels, and 35 whole graphs of 11, in each of 32 layers.
    assert more == 32 * (51 * 8 + 35 * 11) * (16 << 10)


def test_few_requests_have_few_graphs() -> None:
    few = graphs(shapes.LLAMA_8B, replace(AMPERE, sequences=4)).size
    assert few < 400 * MIB < graphs(shapes.LLAMA_8B, AMPERE).size


def test_a_stage_has_the_graphs_of_its_layers() -> None:
    whole, half = (graphs(shapes.LLAMA_8B, replace(AMPERE, nodes=nodes)).size for nodes in (1, 2))
    assert half < whole


def test_models_without_attention_have_graphs_too() -> None:
    bare = replace(shapes.LLAMA_8B, kv_heads=(0,) * 32)
    assert graphs(bare, WORKLOAD).size > 320 * MIB


def test_flashinfer_reads_8_bits_on_ada_with_a_workspace_of_its_own() -> None:
    """394 MiB, or 16 bytes for each number of a step's queries, and 8 MiB for each plan."""
    ada = replace(AMPERE, card=CudaCard(128, (8, 9)), batched_tokens=2048)
    packed = replace(ada, kv_type=KvType.FP8)
    plain = graphs(shapes.LLAMA_8B, ada).size
    assert graphs(shapes.LLAMA_8B, packed).size - plain == (394 + 8 * (35 + 2)) * MIB
    longer = replace(packed, batched_tokens=8192, sequences=256)
    grown = graphs(shapes.LLAMA_8B, longer).size - graphs(shapes.LLAMA_8B, packed).size
    assert grown == 8192 * 32 * 128 * 16 - 394 * MIB
    narrow = replace(shapes.LLAMA_8B, key_length=96, value_length=96)
    assert graphs(narrow, packed).size == graphs(narrow, ada).size
