"""A plan as JSON, for scripts. Bytes, tokens, USD per hour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wizard.hardware.choice import largest_contexts
from wizard.hardware.values import Offer
from wizard.planning.limits import limits
from wizard.planning.whole_price import whole_offers
from wizard.planning.workload import workload_of
from wizard.sdl.values import Engine, Plan
from wizard.sizing.buffers import Buffers, buffers


def plan_document(plan: Plan, links: Mapping[str, str]) -> dict[str, Any]:
    """What ``plan.json`` holds; `wizard.openapi` has its schema."""
    chosen = {_place(offer) for offer in plan.chosen}
    found = limits(plan)
    return {
        "model": _model(plan),
        "variant": {
            "name": plan.variant.name,
            "format": plan.variant.format.value,
            "quantisation": plan.variant.quantisation,
            "download_bytes": plan.variant.download_bytes,
            "size_is_exact": plan.variant.size_is_exact,
        },
        "choices": _choices(plan),
        "reasons": {reason.field: reason.sentence for reason in plan.reasons},
        "memory": _memory(plan),
        "limits": found.document() if found else None,
        "offers": [
            _offer(offer, longest, _place(offer) in chosen)
            for offer, longest in zip(
                whole_offers(plan, plan.offers), _largest_contexts(plan), strict=True
            )
        ],
        "price": {
            "usd_per_hour": plan.usd_per_hour,
            "ceiling_usd_per_hour": plan.price_ceiling,
            "amount_per_block": plan.amount_uact,
            "as_of": plan.price_list.as_of.isoformat(),
            "live": plan.price_list.live,
        },
        "problems": list(plan.problems),
        "warnings": list(plan.warnings),
        "links": dict(links),
    }


def _model(plan: Plan) -> dict[str, Any]:
    model = plan.model
    return {
        "name": str(plan.ref),
        "source": plan.ref.source.value,
        "title": model.title,
        "licence": model.licence,
        "gated": model.gating.value,
        "parameters": model.parameters,
        "context_length": plan.largest_context,
        "origin": model.origin.value,
        "as_of": model.as_of.isoformat(),
    }


def _choices(plan: Plan) -> dict[str, Any]:
    return {
        "engine": plan.engine.value,
        "image": plan.image.reference,
        "context": plan.context,
        "slots": plan.slots,
        "kv": plan.kv.value,
        "cpu_moe": plan.cpu_moe,
        "gpus": [offer.gpu.model for offer in plan.chosen if offer.gpu],
        "count": plan.count,
        "nodes": plan.nodes,
        "replicas": plan.replicas,
        "region": plan.region,
        "audited": plan.audited,
        "storage": plan.storage_class.value,
    }


def _memory(plan: Plan) -> dict[str, Any]:
    estimate = plan.estimate
    return {
        "total_bytes": estimate.total,
        "largest_gpu_bytes": estimate.largest_gpu,
        "host_bytes": estimate.host,
        "disk_bytes": estimate.disk,
        "is_exact": estimate.exact,
        "buffers": _buffers(plan).document(),
        "parts": [
            {"name": part.name, "bytes": part.size, "formula": part.formula}
            for part in estimate.parts
        ],
    }


def _buffers(plan: Plan) -> Buffers:
    """Bytes of each buffer; under vLLM on each card."""
    is_vllm = plan.engine is Engine.VLLM
    alike = max(1, plan.count) * plan.nodes if is_vllm else 1
    return buffers(plan.estimate, on_gpu=plan.count > 0, alike=alike)


def _place(offer: Offer) -> tuple[str, int, int]:
    """What tells offers apart; a chosen one may know more than the one it was made from."""
    return offer.title, offer.count, offer.nodes


def _largest_contexts(plan: Plan) -> tuple[int | None, ...]:
    return largest_contexts(plan.architecture, plan.variant, workload_of(plan), plan.offers)


def _offer(offer: Offer, largest_context: int | None, is_chosen: bool) -> dict[str, Any]:
    return {
        "title": offer.title,
        "gpu": offer.gpu.model if offer.gpu else None,
        "vram_bytes": offer.gpu.vram_bytes if offer.gpu else None,
        "count": offer.count,
        "nodes": offer.nodes,
        "fit": offer.fit.value,
        "chosen": is_chosen,
        "needed_bytes": offer.needed_bytes,
        "headroom_bytes": offer.headroom_bytes,
        "usd_per_hour": offer.usd_per_hour,
        "largest_context": largest_context,
        "tokens_per_second": offer.tokens_per_second,
        "usd_per_million_tokens": offer.usd_per_million_tokens,
        "reason": offer.reason,
    }
