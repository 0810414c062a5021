"""The shapes of the Console's answers, filled with what a test's deployments are."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

OWNER = "akash1ownerownerownerownerownerownerownerowner"
Json = dict[str, Any]


@dataclass(frozen=True)
class Bidder:
    """A provider: what it asks (uact a block for everything), and who it is."""

    address: str
    amount: int = 500
    audited: bool = True
    region: str = "us-west"
    organization: str = "Example Hosting"
    uptime: float = 0.998
    host: str = "https://provider.example.com:8443"


BIDDERS = (
    Bidder("akash1cheapcheapcheapcheapcheapcheap", 300, audited=False, organization="Attic"),
    Bidder("akash1soundsoundsoundsoundsoundsound", 400, region="eu-central"),
    Bidder("akash1largelargelargelargelargelarge", 900, organization="Large Racks"),
)


BLOCK_SECONDS = 6.1


def height(moment: float) -> int:
    """The chain's height at a moment."""
    return int(moment / BLOCK_SECONDS)


@dataclass
class Held:
    """One deployment of the stand-in's account. Money is USD, moments seconds since the epoch.

    As on the chain, money moves only when the account is settled: until then
    ``transferred`` and ``deposit`` are those of ``settled``.
    """

    dseq: str
    sdl: str
    document: Json
    hash: str
    made: float
    deposit: float
    block: int = 0
    provider: str = ""
    leased: float = 0.0
    amount: int = 0
    is_open: bool = True
    lost: str = ""
    has_manifest: bool = False
    transferred: float = 0.0
    settled: float = 0.0
    updates: list[str] = field(default_factory=list)

    def settle(self) -> None:
        """Pay the provider for what has run since the last time."""
        now = time.time()
        if self.leased and self.is_open and not self.lost:
            blocks = height(now) - height(max(self.settled, self.leased))
            self.transferred += min(self.amount * blocks / 1e6, self.left)
        self.settled = now

    @property
    def left(self) -> float:
        return self.deposit - self.transferred


def coin(amount: float) -> Json:
    return {"denom": "uact", "amount": f"{amount:.18f}"}


def lease_id(held: Held, provider: str) -> Json:
    return {
        "owner": OWNER,
        "dseq": held.dseq,
        "gseq": 1,
        "oseq": 1,
        "provider": provider,
        "bseq": 0,
    }


def bid(held: Held, bidder: Bidder, state: str) -> Json:
    return {
        "bid": {
            "id": lease_id(held, bidder.address),
            "state": state,
            "price": coin(bidder.amount),
            "created_at": str(held.block),
            "resources_offer": [],
        },
        "escrow_account": escrow(held, 0.5),
    }


def escrow(held: Held, left: float | None = None) -> Json:
    return {
        "id": {"scope": "deployment", "xid": f"{OWNER}/{held.dseq}"},
        "state": {
            "owner": OWNER,
            "state": "open" if held.is_open else "closed",
            "transferred": [coin(held.transferred * 1e6)],
            "settled_at": str(height(held.settled)),
            "funds": [coin((held.left if left is None else left) * 1e6)],
            "deposits": [],
        },
    }


def lease(held: Held, *, with_status: bool, status: Json | None) -> Json:
    body: Json = {
        "id": lease_id(held, held.provider),
        "state": "active" if held.is_open and not held.lost else "closed",
        "price": coin(held.amount),
        "created_at": str(height(held.leased)),
        "closed_on": str(height(time.time())) if held.lost else "",
    }
    if held.lost:
        body["reason"] = held.lost
    return body | {"status": status} if with_status else body


def service(name: str, *, ready: int, uris: list[str]) -> Json:
    return {
        "name": name,
        "available": ready,
        "total": 1,
        "uris": uris,
        "observed_generation": 1,
        "replicas": 1,
        "updated_replicas": 1,
        "ready_replicas": ready,
        "available_replicas": ready,
    }


def deployment(held: Held, leases: list[Json]) -> Json:
    return {
        "deployment": {
            "id": {"owner": OWNER, "dseq": held.dseq},
            "state": "active" if held.is_open else "closed",
            "hash": held.hash,
            "created_at": str(held.block),
        },
        "leases": leases,
        "escrow_account": escrow(held),
    }


def screened(bidder: Bidder) -> Json:
    return {
        "owner": bidder.address,
        "hostUri": bidder.host,
        "isAudited": bidder.audited,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "location": bidder.region,
        "organization": bidder.organization,
        "incidents": [],
    }


def provider(bidder: Bidder) -> Json:
    empty = dict.fromkeys(
        (
            *("email", "website", "lastCheckDate", "ipRegion", "ipRegionCode", "ipCountry"),
            *("ipCountryCode", "ipLat", "ipLon", "lastOnlineDate", "host", "statusPage"),
            *("country", "city", "timezone", "locationType", "hostingProvider", "hardwareCpu"),
            *("hardwareCpuArch", "hardwareGpuVendor", "hardwareMemory", "networkProvider", "tier"),
            *("hardwareGpuModels", "hardwareDisk", "featPersistentStorageType"),
            *("workloadSupportChiaCapabilities",),
        )
    )
    return {
        **empty,
        "owner": bidder.address,
        "name": None,
        "hostUri": bidder.host,
        "createdHeight": 1,
        "deploymentCount": 4,
        "leaseCount": 4,
        "cosmosSdkVersion": "0.53.4",
        "akashVersion": "0.10.1",
        "uptime1d": bidder.uptime,
        "uptime7d": bidder.uptime,
        "uptime30d": bidder.uptime,
        "isValidVersion": True,
        "isOnline": True,
        "isAudited": bidder.audited,
        "gpuModels": [],
        "attributes": [],
        "organization": bidder.organization,
        "locationRegion": bidder.region,
        "featPersistentStorage": True,
        "networkSpeedDown": 1000,
        "networkSpeedUp": 1000,
        "workloadSupportChia": False,
        "featEndpointCustomDomain": True,
        "featEndpointIp": False,
    }
