"""A workload on one kind of card: what the engines decide by looking at the card."""

from __future__ import annotations

from dataclasses import replace

from wizard.hardware.values import Gpu
from wizard.sizing.values import CudaCard, EngineFamily, Workload

# vLLM's default ``max_num_batched_tokens`` by the card's memory; an A100 and a GB10
# keep the smallest (``EngineArgs.get_batch_defaults``).
_STEPS = ((160 << 30, 16_384), (70 << 30, 8192))
_SMALLEST_STEP = 2048
_SLOW = ("a100", "gb10")
_HOPPER = 9
# Generations whose delta nets run by FlashInfer's kernel: Hopper and both Blackwells.
_FLASH_DELTA = (9, 10, 12)


def on_gpu(workload: Workload, gpu: Gpu, count: int, nodes: int = 1) -> Workload:
    """The workload on ``count`` of these cards on each of ``nodes``."""
    if workload.family is not EngineFamily.VLLM:
        return replace(workload, gpus=count, nodes=nodes, card=cuda_card(gpu))
    return replace(
        workload,
        gpus=count,
        nodes=nodes,
        batched_tokens=step(gpu),
        pads_experts=pads_experts(gpu),
        exports_states=gpu.compute_capability[0] in _FLASH_DELTA,
        card=cuda_card(gpu),
    )


def cuda_card(gpu: Gpu) -> CudaCard:
    """What CUDA's own memory goes by."""
    return CudaCard(gpu.multiprocessors, gpu.compute_capability)


def step(gpu: Gpu) -> int:
    """Tokens of one step, by default."""
    if gpu.model in _SLOW:
        return _SMALLEST_STEP
    return next((tokens for size, tokens in _STEPS if gpu.vram_bytes >= size), _SMALLEST_STEP)


def pads_experts(gpu: Gpu) -> bool:
    """Whether the card's kernels for mxfp4 want rounder experts: all but Hopper's."""
    return gpu.compute_capability[0] != _HOPPER
