"""What drafting with a model's own prediction layers takes (``--spec-type draft-mtp``).

A second context runs the layers behind the last one, with a cache, a compute buffer and
inputs of its own (``common_speculative_init_result``). How many states the first one then
keeps is in :mod:`wizard.sizing.recurrence`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from wizard.registry.values import Architecture
from wizard.sizing import compute, layers, residual
from wizard.sizing.cells import cells, row_bytes
from wizard.sizing.step_inputs import token_count
from wizard.sizing.values import KvType, Workload

# Tokens of a draft (``--spec-draft-n-max``).
DRAFTED = 3
_FLOAT = 4


@dataclass(frozen=True)
class Drafting:
    """Bytes on the last card, or in RAM without one: cache, compute; and inputs in RAM beside."""

    cache: int = 0
    compute: int = 0
    host: int = 0


def added(architecture: Architecture, workload: Workload) -> Drafting:
    """What the second context takes; nothing where no layers draft."""
    if not workload.drafts or not architecture.nextn_layers:
        return Drafting()
    alone, tokens = _alone(workload), token_count(architecture, workload)
    # Layers that draft have neither states nor an indexer.
    plain = replace(architecture, recurrent_layers=(), indexer_length=0)
    # A draft holds no images, which a branch of the inputs is for.
    branch = _FLOAT * tokens * residual.given(architecture)
    return Drafting(
        cache=architecture.nextn_layers * _layer_bytes(architecture, workload),
        compute=max(0, compute.card_bytes(plain, alone, 0) - 2 * branch),
        host=max(0, compute.host_bytes(plain, alone) - branch),
    )


def _layer_bytes(architecture: Architecture, workload: Workload) -> int:
    """Bytes of one layer's keys and values: in 16 bits, whatever the others' type."""
    row = layers.widest_kv(architecture)
    return row_bytes(row, KvType.F16) * cells(architecture, workload).full


def _alone(workload: Workload) -> Workload:
    """All of its layers lie on one card, the last, if there is one."""
    return replace(
        workload,
        drafts=0,
        kv_type=KvType.F16,
        v_type=None,
        embeds=False,
        gpus=min(1, workload.gpus),
        gpu_layers=None,
        experts_on_host=False,
    )
