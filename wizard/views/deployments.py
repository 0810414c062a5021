"""An account's deployments, for the pages' own script: parts of pages, and small JSON.

Every address wants the Console's key in a header; see `wizard.views.with_console`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from wizard.console import accepting, bids, changes, creating, errors, logs
from wizard.console.client import Console
from wizard.console.costs import costs
from wizard.console.manifest import manifest
from wizard.console.progress import Stage, progress
from wizard.console.values import Deployment, LeaseId
from wizard.sdl.writer import to_yaml
from wizard.views.with_console import (
    answered_by_console,
    document_of,
    dollars_of,
    posted,
    text_of,
)

_PROVIDER = re.compile(r"akash1[a-z0-9]{10,80}\Z")
_MOST_ORDERS = 1000


@require_GET
@answered_by_console
async def listed(request: HttpRequest, console: Console) -> HttpResponse:
    """The account's running deployments, the newest first."""
    found = sorted(await console.deployments(), key=lambda one: int(one.dseq), reverse=True)
    now = datetime.now(UTC)
    rows = [(one, costs(one, now)) for one in found]
    return render(request, "wizard/_deployments.html", {"rows": rows})


@require_POST
@answered_by_console
async def create(request: HttpRequest, console: Console) -> HttpResponse:
    """``{"sdl", "deposit"}`` → ``{"dseq", "manifest", "was_there"}``; the same file only once."""
    body = posted(request)
    sdl = text_of(body, "sdl")
    deposited = dollars_of(body, "deposit")
    made = await creating.create(console, await document_of(sdl), sdl, deposited)
    told = {"dseq": made.dseq, "manifest": made.manifest, "was_there": made.was_there}
    return JsonResponse(told, status=200 if made.was_there else 201)


@require_GET
@answered_by_console
async def followed(request: HttpRequest, console: Console, dseq: int) -> HttpResponse:
    """Where a deployment stands: steps, bids, cost."""
    found = await console.deployment(str(dseq))
    rows = await _open_bids(console, found)
    now = datetime.now(UTC)
    stands = progress(found, rows, now)
    context = {
        "progress": stands,
        "costs": costs(found, now),
        "bids": rows,
        "best": bids.best(rows),
        "is_asking": stands.stage in (Stage.BIDDING, Stage.CHOOSING),
        "lease": found.lease,
    }
    return render(request, "wizard/_deploy_progress.html", context)


@require_POST
@answered_by_console
async def lease(request: HttpRequest, console: Console, dseq: int) -> HttpResponse:
    """``{"provider", "gseq", "oseq", "manifest"}``: accept a bid. Asking again does no harm."""
    body = posted(request)
    text = text_of(body, "manifest")
    if not text:
        raise errors.FileRefused(
            "This tab does not have the file of the deployment.",
            "Go on in the tab where you pressed Deploy; or close this deployment, which returns "
            "the deposit, and deploy the file again.",
        )
    wanted = LeaseId(str(dseq), _order(body, "gseq"), _order(body, "oseq"), _provider(body))
    await accepting.accept(console, wanted, text)
    return JsonResponse({"leased": True})


@require_POST
@answered_by_console
async def close(request: HttpRequest, console: Console, dseq: int) -> HttpResponse:
    """End it. Closing again does no harm; what it cost is part of the progress."""
    await console.close(str(dseq))
    return JsonResponse({"closed": True})


@require_POST
@answered_by_console
async def deposit(request: HttpRequest, console: Console, dseq: int) -> HttpResponse:
    """``{"usd"}``: add to the deposit. Sent once: a second request is a second payment."""
    await console.deposit(str(dseq), dollars_of(posted(request), "usd"))
    return JsonResponse({"added": True})


@require_POST
@answered_by_console
async def update(request: HttpRequest, console: Console, dseq: int) -> HttpResponse:
    """``{"sdl", "context", "image"}`` → the changed file, which runs now, and its manifest."""
    body = posted(request)
    before = await document_of(text_of(body, "sdl"))
    after = changes.changed(before, _context(body), text_of(body, "image"))
    changes.check_in_place(before, after)
    sdl = to_yaml(after)
    await document_of(sdl)
    await console.update(str(dseq), sdl)
    return JsonResponse({"sdl": sdl, "manifest": manifest(after)})


@require_GET
@answered_by_console
async def provider_logs(request: HttpRequest, console: Console, dseq: int) -> HttpResponse:
    """What the provider says: events of the cluster, and the containers' last lines."""
    told = await logs.read(console, await console.deployment(str(dseq)))
    return render(request, "wizard/_deploy_logs.html", {"logs": told})


async def _open_bids(console: Console, found: Deployment) -> tuple[bids.Offered, ...]:
    if not found.is_active or found.lease is not None:
        return ()
    return await bids.offered(console, await console.bids(found.dseq))


def _order(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _MOST_ORDERS:
        raise errors.BidGone(f"“{name}” names no bid.")
    return value


def _provider(body: dict[str, Any]) -> str:
    address = text_of(body, "provider")
    if not _PROVIDER.match(address):
        raise errors.BidGone("No provider is named.")
    return address


def _context(body: dict[str, Any]) -> int | None:
    value = body.get("context")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise errors.FileRefused("The context length is a whole number of tokens.")
    return value
