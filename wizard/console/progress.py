"""Where a deployment stands, as the steps that a person follows: a pure state machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wizard.console.bids import Offered
from wizard.console.values import Deployment, Lease

# Bids come within half a minute where anybody wants the order at all.
NO_BIDS_SECONDS = 120
# Pulling an image of 10 GB takes a provider some minutes.
SLOW_START_SECONDS = 900


class Stage(StrEnum):
    """What the deployment is waiting for."""

    BIDDING = "bidding"
    CHOOSING = "choosing"
    LEASED = "leased"
    STARTING = "starting"
    RUNNING = "running"
    LOST = "lost"
    CLOSED = "closed"


class StepState(StrEnum):
    DONE = "done"
    NOW = "now"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True)
class Step:
    """One line of the way: what, how it stands, and a sentence."""

    name: str
    title: str
    state: StepState
    sentence: str = ""


@dataclass(frozen=True)
class Progress:
    """Where it stands; ``trouble`` and ``way_out`` say what is wrong, or are empty.

    ``waited`` is seconds since the deployment was made, None where unknown.
    """

    stage: Stage
    steps: tuple[Step, ...]
    uri: str
    waited: float | None
    trouble: str = ""
    way_out: str = ""


_TITLES = {
    "created": "Put on the chain",
    "bids": "Bids",
    "lease": "Lease",
    "container": "Container",
}
_ORDER = tuple(_TITLES)
# The step that each stage is at.
_AT = {
    Stage.BIDDING: "bids",
    Stage.CHOOSING: "bids",
    Stage.LEASED: "lease",
    Stage.STARTING: "container",
    Stage.RUNNING: "",
    Stage.LOST: "lease",
    Stage.CLOSED: "",
}
_LATE = {
    Stage.LEASED: (
        "The provider has not taken the file within fifteen minutes.",
        "It may be down. See what it says below; if that is nothing, close this deployment and "
        "take another provider.",
    ),
    Stage.STARTING: (
        "The container has not started within fifteen minutes.",
        "See what the provider says below. An image that cannot be pulled, or a node without "
        "room, does not mend itself: close it and take another provider.",
    ),
}
_PASSED = {Stage.CLOSED: 0, Stage.RUNNING: len(_ORDER)}


def progress(deployment: Deployment, bids: tuple[Offered, ...], now: datetime) -> Progress:
    """Where this deployment stands at this moment."""
    stage = _stage(deployment, bids)
    waited = _seconds(deployment.created, now)
    trouble, way_out = _trouble(stage, deployment, now)
    return Progress(
        stage=stage,
        steps=tuple(_step(name, stage, deployment, bids) for name in _ORDER),
        uri=deployment.lease.uri if deployment.lease and stage is not Stage.CLOSED else "",
        waited=waited,
        trouble=trouble,
        way_out=way_out,
    )


def _stage(deployment: Deployment, bids: tuple[Offered, ...]) -> Stage:
    lease = deployment.lease
    if not deployment.is_active:
        return Stage.CLOSED
    if lease is None:
        return Stage.CHOOSING if bids else Stage.BIDDING
    if not lease.is_active:
        return Stage.LOST
    if lease.services is None or not lease.services:
        return Stage.LEASED
    return Stage.RUNNING if _is_running(lease) else Stage.STARTING


def _is_running(lease: Lease) -> bool:
    return all(service.ready >= 1 for service in lease.services or ()) and bool(lease.uri)


def _seconds(since: datetime | None, now: datetime) -> float | None:
    return max((now - since).total_seconds(), 0.0) if since else None


def _step(name: str, stage: Stage, deployment: Deployment, bids: tuple[Offered, ...]) -> Step:
    return Step(name, _TITLES[name], _state(name, stage), _sentence(name, stage, deployment, bids))


def _state(name: str, stage: Stage) -> StepState:
    at = _AT[stage]
    if name == at:
        return StepState.FAILED if stage is Stage.LOST else StepState.NOW
    passed = _ORDER.index(at) if at else _PASSED[stage]
    if stage is Stage.CLOSED:
        return StepState.DONE if name == "created" else StepState.WAITING
    return StepState.DONE if _ORDER.index(name) < passed else StepState.WAITING


def _sentence(name: str, stage: Stage, deployment: Deployment, bids: tuple[Offered, ...]) -> str:
    words = {
        "created": lambda: f"Deployment {deployment.dseq}.",
        "bids": lambda: _bids_sentence(stage, bids),
        "lease": lambda: _lease_sentence(stage, deployment.lease),
        "container": lambda: _container_sentence(stage, deployment.lease),
    }
    return words[name]()


def _bids_sentence(stage: Stage, bids: tuple[Offered, ...]) -> str:
    if stage is Stage.BIDDING:
        return "Providers look at the file; the first bids mostly come within half a minute."
    if stage is Stage.CHOOSING:
        return f"{len(bids)} bid{'s' if len(bids) != 1 else ''} so far."
    return ""


def _lease_sentence(stage: Stage, lease: Lease | None) -> str:
    if lease is None:
        return ""
    price = lease.price.usd_per_hour
    paid = f"${price:,.3f} an hour" if price is not None else "An agreement"
    if stage is Stage.LEASED:
        return f"{paid}. The provider is being sent the file."
    return f"{paid}."


def _container_sentence(stage: Stage, lease: Lease | None) -> str:
    if stage is not Stage.STARTING or lease is None:
        return ""
    missing = [service.name for service in lease.services or () if service.ready < 1]
    if not missing:
        return "It runs; its address is being set up."
    return f"Being scheduled, and its image pulled: {', '.join(missing)}."


def _trouble(stage: Stage, deployment: Deployment, now: datetime) -> tuple[str, str]:
    if stage is Stage.LOST:
        reason = deployment.lease.reason if deployment.lease else ""
        why = f" The chain says: {reason[:120]}." if reason else ""
        return (
            f"The lease has ended, so the endpoint is gone.{why}",
            "Mostly the deposit ran out, or the provider went away. Close this deployment, which "
            "returns what is left, and deploy the file again.",
        )
    if stage is Stage.BIDDING and (_seconds(deployment.created, now) or 0) > NO_BIDS_SECONDS:
        return (
            "No provider has bid within two minutes.",
            "Close it, and the deposit comes back. More providers can bid on several cards, with "
            "a higher price ceiling, in any region, or without a persistent volume.",
        )
    if (_seconds(deployment.leased, now) or 0) > SLOW_START_SECONDS:
        return _LATE.get(stage, ("", ""))
    return "", ""
