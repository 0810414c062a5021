"""Taking a bid: the lease, and the manifest to the provider. Asking twice does no harm."""

from __future__ import annotations

from wizard.console import errors
from wizard.console.client import Console
from wizard.console.values import BidState, Deployment, LeaseId


async def accept(console: Console, wanted: LeaseId, manifest: str) -> Deployment:
    """The deployment with a lease: the one that it has, else one with the wanted bid.

    The Console makes no second lease where there is one, and sends the
    manifest again; so a request without an answer can be repeated. Raises
    ConsoleError.
    """
    deployment = await console.deployment(wanted.dseq)
    if not deployment.is_active:
        raise errors.DeploymentClosed("There is nothing left to lease.")
    lease = deployment.lease
    if lease and lease.is_active:
        return await console.lease(manifest, lease.id)
    await _check_open(console, wanted)
    return await console.lease(manifest, wanted)


async def _check_open(console: Console, wanted: LeaseId) -> None:
    bids = await console.bids(wanted.dseq)
    if not any(bid.id == wanted and bid.state is BidState.OPEN for bid in bids):
        raise errors.BidGone("The provider has taken it back, or it has expired.")
