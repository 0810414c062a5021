"""What vLLM sets aside for running: a step's largest tensors, the sampler, the encoders.

vLLM measures this at its start, with a step of ``max_num_batched_tokens`` tokens,
the logits of ``max_num_seqs`` requests and as many images as one step may encode
(``GPUModelRunner.profile_run``). Here the largest tensors that live at a time are
summed; what a compiler fuses makes it less, so this is an upper bound.
"""

from __future__ import annotations

from dataclasses import dataclass

from wizard.registry.values import Architecture
from wizard.sizing import vllm_layers, vllm_workspace
from wizard.sizing.values import Workload

_HALF = 2
# Requests at a time by default (``max_num_seqs``): as many more on cards whose steps are
# as long (``EngineArgs.get_batch_defaults``).
SEQUENCES, _MANY_SEQUENCES, LONG_STEP = 256, 1024, 8192
# The sampler is profiled with all of them, and everything asked for: logits in 16 bits,
# a copy in 32, one with only the largest left, and probabilities (``_dummy_sampler_run``,
# ``flashinfer_sample``).
_SAMPLED = 2 + 4 + 4 + 4
# Pooling models sample nothing: all tokens of a step in 16 bits, in 32 for the head, and as
# that leaves them (``PoolingRunner.dummy_pooler_run``, ``ModelConfig.head_dtype``).
_POOLED = 2 + 4 + 4
# Kept of each request: how often it has had each token, and whether its prompt had it
# (``PenaltiesState``).
_COUNT, _FLAGS = 4, 32


@dataclass(frozen=True)
class Compute:
    """Bytes on one card: peaks, of which the largest counts, and what stays between steps."""

    step: int
    sampler: int
    encoder: int
    kept: int

    @property
    def total(self) -> int:
        return self.kept + max(self.step, self.sampler, self.encoder)


def sequences(workload: Workload) -> int:
    """Requests that are answered at the same time, whatever the cache holds."""
    usual = _MANY_SEQUENCES if workload.batched_tokens >= LONG_STEP else SEQUENCES
    return min(workload.sequences or usual, workload.batched_tokens)


def compute(architecture: Architecture, workload: Workload) -> Compute:
    """Peaks of a step, of what samples or pools after it and of encoding, on one card."""
    tokens, width = workload.batched_tokens, architecture.embedding_length
    rows, vocabulary = sequences(workload), architecture.vocab_size
    counts = _COUNT * rows * (vocabulary + -(-vocabulary // _FLAGS))
    sampler = _HALF * tokens * width + _SAMPLED * rows * vocabulary
    if vllm_layers.is_pooled(architecture, workload):
        counts, sampler = 0, _POOLED * tokens * width
    passing = vllm_workspace.passing(architecture, workload, rows)
    return Compute(
        step=step(architecture, workload, tokens, passing),
        sampler=sampler,
        encoder=_encoder(architecture, tokens),
        kept=counts + vllm_workspace.kept(architecture, workload, rows),
    )


def step(architecture: Architecture, workload: Workload, tokens: int, passing: int = 0) -> int:
    """Bytes of the tensors that live at a time in a step of so many tokens.

    ``passing`` is what attention takes beside them.
    """
    gpus, width = max(1, workload.gpus), architecture.embedding_length
    forward = 3 * architecture.feed_forward_length // gpus
    attention = 2 * architecture.heads * architecture.key_length // gpus
    widest = max(tokens * forward, tokens * attention + passing // _HALF)
    return _HALF * (4 * tokens * width + widest)


def _encoder(architecture: Architecture, tokens: int) -> int:
    """Bytes of the images or sounds that one step may encode, and of what comes out."""
    each = architecture.encoder_token_elements
    if not each:
        return 0
    longest = max(tokens, architecture.encoder_item_tokens)
    return _HALF * longest * (each + architecture.embedding_length)
