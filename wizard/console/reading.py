"""The Console's JSON as values, strictly: another form raises UnexpectedAnswer.

Only what is used is read; that much has to be there, and be of its type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from wizard.console.errors import UnexpectedAnswer
from wizard.console.refusals import refusal
from wizard.console.values import (
    Bid,
    BidState,
    Coin,
    Created,
    Deployment,
    Lease,
    LeaseId,
    Provider,
    Screened,
    ServiceStatus,
)

MOST_ITEMS = 5000
_LONGEST = 2048
_DSEQ = re.compile(r"\d{1,20}\Z", re.ASCII)
# The chain has about 2,200 years to go until a height of ten digits is full.
_HEIGHT = re.compile(r"\d{1,10}\Z", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,40}(\.\d{1,40})?\Z", re.ASCII)
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?(?::\d{1,5})?\Z", re.IGNORECASE)
_URI = re.compile(r"https://[a-z0-9][a-z0-9.-]{0,250}(?::\d{1,5})?/?\Z", re.IGNORECASE)
_ADDRESS = re.compile(r"akash1[a-z0-9]{10,80}\Z")

Value = TypeVar("Value")


def deployment(body: Any) -> Deployment:
    """``{"data": {"deployment", "leases", "escrow_account"}}``"""
    return _deployment(_field(body, "data", dict))


def deployments(body: Any) -> tuple[tuple[Deployment, ...], bool]:
    """One page of the list, and whether there is more."""
    data = _field(body, "data", dict)
    page = _field(data, "pagination", dict)
    return _each(data, "deployments", _deployment), _field(page, "hasMore", bool)


def created(body: Any) -> Created:
    """``{"data": {"dseq", "manifest", "signTx"}}``; a transaction that failed raises."""
    data = _field(body, "data", dict)
    transaction = _field(data, "signTx", dict)
    if _number(transaction, "code") != 0:
        raise refusal(400, _field(transaction, "rawLog", str))
    return Created(dseq(_text(data, "dseq")), _field(data, "manifest", str))


def bids(body: Any) -> tuple[Bid, ...]:
    """``{"data": [{"bid": …}]}``"""
    return _each(body, "data", lambda item: _bid(_field(item, "bid", dict)))


def providers(body: Any) -> tuple[Provider, ...]:
    """A list of providers."""
    return _each({"providers": body}, "providers", _provider)


def screened(body: Any) -> tuple[Screened, ...]:
    """``{"providers": […]}``"""
    return _each(body, "providers", _screened)


def token(body: Any) -> str:
    """``{"data": {"token"}}``"""
    return _text(_field(body, "data", dict), "token")


def success(body: Any) -> bool:
    """``{"data": {"success"}}``"""
    return _field(_field(body, "data", dict), "success", bool)


def dseq(text: str) -> str:
    """A deployment's number, in digits. Raises UnexpectedAnswer."""
    if not _DSEQ.match(text):
        raise UnexpectedAnswer(f"{text[:40]!r} is no number of a deployment.")
    return text


def _deployment(data: dict[str, Any]) -> Deployment:
    facts = _field(data, "deployment", dict)
    escrow = _field(_field(data, "escrow_account", dict), "state", dict)
    return Deployment(
        dseq=dseq(_text(_field(facts, "id", dict), "dseq")),
        state=_text(facts, "state"),
        hash=_text(facts, "hash"),
        leases=_each(data, "leases", _lease),
        spent=_each(escrow, "transferred", _coin),
        funds=_each(escrow, "funds", _coin),
        block=_block(facts, "created_at"),
        settled=_block(escrow, "settled_at"),
    )


def _lease(data: dict[str, Any]) -> Lease:
    status = data.get("status")
    return Lease(
        id=_lease_id(_field(data, "id", dict)),
        state=_text(data, "state"),
        price=_coin(_field(data, "price", dict)),
        services=None if status is None else _services(status),
        reason=_text(data, "reason") if "reason" in data else "",
        block=_block(data, "created_at"),
    )


def _services(status: Any) -> tuple[ServiceStatus, ...]:
    services = _field(status, "services", dict)
    if len(services) > MOST_ITEMS:
        raise UnexpectedAnswer("The answer holds too many services.")
    return tuple(_service(name, _typed(item, dict, name)) for name, item in services.items())


def _service(name: str, data: dict[str, Any]) -> ServiceStatus:
    # A provider writes null for “none” here.
    uris = data.get("uris") or []
    hosts = [uri for uri in _typed(uris, list, "uris") if isinstance(uri, str) and _HOST.match(uri)]
    return ServiceStatus(
        name=name[:_LONGEST],
        total=int(_number(data, "total")),
        ready=int(_number(data, "ready_replicas")),
        uris=tuple(hosts),
    )


def _bid(data: dict[str, Any]) -> Bid:
    state = _text(data, "state")
    known = state in set(BidState)
    return Bid(
        id=_lease_id(_field(data, "id", dict)),
        state=BidState(state) if known else BidState.UNKNOWN,
        price=_coin(_field(data, "price", dict)),
    )


def _lease_id(data: dict[str, Any]) -> LeaseId:
    return LeaseId(
        dseq=dseq(_text(data, "dseq")),
        gseq=int(_number(data, "gseq")),
        oseq=int(_number(data, "oseq")),
        provider=_address(data, "provider"),
    )


def _provider(data: dict[str, Any]) -> Provider:
    uptime = data.get("uptime7d")
    return Provider(
        address=_address(data, "owner"),
        uri=_uri(_text(data, "hostUri")),
        name=_maybe(data, "organization") or _maybe(data, "name"),
        region=_maybe(data, "locationRegion") or _maybe(data, "ipRegion"),
        audited=_field(data, "isAudited", bool),
        uptime=None if uptime is None else min(max(_number(data, "uptime7d"), 0.0), 1.0),
    )


def _screened(data: dict[str, Any]) -> Screened:
    return Screened(
        address=_address(data, "owner"),
        host=urlsplit(_uri(_text(data, "hostUri"))).hostname or "",
        audited=_field(data, "isAudited", bool),
        region=_maybe(data, "location"),
    )


def _coin(data: dict[str, Any]) -> Coin:
    amount = _text(data, "amount")
    if not _DECIMAL.match(amount):
        raise UnexpectedAnswer(f"{amount[:40]!r} is no amount.")
    return Coin(_text(data, "denom"), float(amount))


def _block(data: dict[str, Any], name: str) -> int:
    """A height of the chain; 0 where the text is none."""
    text = _text(data, name)
    return int(text) if _HEIGHT.match(text) else 0


def _address(data: dict[str, Any], name: str) -> str:
    text = _text(data, name)
    if not _ADDRESS.match(text):
        raise UnexpectedAnswer(f"{text[:40]!r} is no address of a provider.")
    return text


def _uri(text: str) -> str:
    """A provider's own word for where it is; empty where that is no https address."""
    return text if _URI.match(text) else ""


def _each(body: Any, name: str, read: Callable[[dict[str, Any]], Value]) -> tuple[Value, ...]:
    items = _field(body, name, list)
    if len(items) > MOST_ITEMS:
        raise UnexpectedAnswer(f"“{name}” holds {len(items)} items.")
    return tuple(read(_typed(item, dict, name)) for item in items)


def _field(body: Any, name: str, kind: type[Value]) -> Value:
    if not isinstance(body, dict) or name not in body:
        raise UnexpectedAnswer(f"The answer has no “{name}”.")
    return _typed(body[name], kind, name)


def _typed(value: Any, kind: type[Value], name: str) -> Value:
    if not isinstance(value, kind):
        raise UnexpectedAnswer(f"“{name}” is not of the type that is documented.")
    return value


def _text(data: dict[str, Any], name: str) -> str:
    text = _field(data, name, str)
    if len(text) > _LONGEST:
        raise UnexpectedAnswer(f"“{name}” has {len(text)} characters.")
    return text


def _maybe(data: dict[str, Any], name: str) -> str:
    return "" if data.get(name) is None else _text(data, name)


def _number(data: dict[str, Any], name: str) -> float:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UnexpectedAnswer(f"“{name}” is not a number.")
    return value
