"""What vLLM's kernels work in: sizes that its sources' own comments tell, and their rules."""

from __future__ import annotations

from dataclasses import replace

from tests.wizard.sizing import shapes
from wizard.registry.values import Architecture
from wizard.sizing import vllm_workspace
from wizard.sizing.values import CudaCard, EngineFamily, KvType, Workload

MIB = 1 << 20
WORKLOAD = Workload(163_840, slots=1, family=EngineFamily.VLLM, gpus=8, batched_tokens=8192)
LATENT = replace(shapes.DEEPSEEK_V3, experts=0, latent_key_length=192, latent_value_length=128)
SPARSE = replace(LATENT, indexer_length=128, indexer_heads=64)
# 64 Ki rows of a prompt's beginning, 576 numbers of 16 bits each.
BEGINNING = 65_536 * 576 * 2


def kept(architecture: Architecture, workload: Workload = WORKLOAD) -> int:
    return vllm_workspace.kept(architecture, workload, sequences=256)


def test_it_works() -> None:
    assert kept(LATENT) == BEGINNING
    # 16 heads of 128 and 128 on a card.
    assert vllm_workspace.passing(LATENT, WORKLOAD, 256) == 65_536 * 16 * 256 * 2
    assert vllm_workspace.passing(shapes.LLAMA_8B, WORKLOAD, 256) == 0


def test_an_indexer_gathers_keys_of_many_requests() -> None:
    """``get_max_prefill_buffer_size``: “40 * 163840 * 132 = 865075200 bytes”."""
    assert kept(SPARSE) - BEGINNING == 865_075_200 + MIB
    assert vllm_workspace.passing(SPARSE, WORKLOAD, 256) == 512 * MIB
    longer = replace(WORKLOAD, context_length=1 << 20)
    assert kept(SPARSE, longer) - BEGINNING == 16 * (1 << 20) * 132 + MIB
    pooled = replace(SPARSE, indexer_pool=4)
    assert kept(pooled, longer) - BEGINNING == 4 * (1 << 20) * 132 + MIB
    many = vllm_workspace.passing(pooled, longer, 1024)
    assert many == 1024 * (1 << 18) * 4


def test_packed_rows_are_unpacked_on_hopper() -> None:
    """``get_prefill_workspace_size``: “5 * 163840 * 576 * 2 = ~900 MB”, and all queries."""
    packed = replace(WORKLOAD, kv_type=KvType.FP8)
    queries = 8192 * (16 + 64) * (576 + 512) * 2
    assert kept(SPARSE, packed) - BEGINNING == 5 * 163_840 * 576 * 2 + queries


def test_deepseek_v4_unpacks_what_four_requests_read() -> None:
    compressed = replace(
        SPARSE, kv_lora_rank=0, compress_ratios=(4, 128), key_length=512, sliding_window=128
    )
    rows = (1 << 20) // 4 + 128 + 8192
    assert kept(compressed, replace(WORKLOAD, context_length=1 << 20)) == 4 * rows * 512 * 2


def test_triton_keeps_parts_of_each_request_where_no_other_kernel_reads_rows() -> None:
    """512 tokens a part, in powers of two, at most two for each of 84 multiprocessors."""
    ampere = replace(WORKLOAD, card=CudaCard(84, (8, 6)), context_length=8192)
    part = 256 * 16 * 513 * 4
    assert kept(LATENT, ampere) - BEGINNING == 16 * part
    assert kept(LATENT, replace(ampere, context_length=163_840)) - BEGINNING == 168 * part
    assert kept(LATENT, replace(ampere, card=CudaCard(148, (10, 0)))) == BEGINNING


def test_experts_share_the_room() -> None:
    mixture = replace(SPARSE, experts=256)
    alone = replace(mixture, indexer_length=0)
    assert kept(mixture) == max(kept(SPARSE), kept(alone))
