"""What the Console tells, typed. Money is USD, moments are aware datetimes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from wizard.sdl.pricing import UACT_PER_USD, usd_per_hour

# Since 2025 the Console numbers deployments by the millisecond; before, by the block.
# A number that no calendar reaches (after 5138) is not told as a moment.
_MILLISECONDS = range(10**12, 10**14)
# The chain's average of 2026.
BLOCK_SECONDS = 6.1


@dataclass(frozen=True)
class Coin:
    """An amount in the chain's smallest unit: a millionth of an ACT, which is one USD."""

    denom: str
    amount: float

    @property
    def usd(self) -> float | None:
        """USD, or None for a coin that is not tied to it."""
        return self.amount / UACT_PER_USD if self.denom == "uact" else None

    @property
    def usd_per_hour(self) -> float | None:
        """USD an hour of an amount a block."""
        return usd_per_hour(self.amount) if self.denom == "uact" else None


@dataclass(frozen=True)
class LeaseId:
    """Which lease or bid: the order within a deployment, and the provider's address."""

    dseq: str
    gseq: int
    oseq: int
    provider: str


class BidState(StrEnum):
    """A bid can be accepted while it is open."""

    OPEN = "open"
    ACTIVE = "active"
    LOST = "lost"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Bid:
    """A provider's offer to run the deployment."""

    id: LeaseId
    state: BidState
    price: Coin


@dataclass(frozen=True)
class ServiceStatus:
    """One service at the provider: replicas wanted and running, and its addresses."""

    name: str
    total: int
    ready: int
    uris: tuple[str, ...]


@dataclass(frozen=True)
class Lease:
    """An agreement with a provider.

    ``services`` is None while the provider does not tell: before the manifest
    has arrived, or when it cannot be reached. ``reason`` is why it ended,
    ``block`` the height at which it was made, 0 where that is not told.
    """

    id: LeaseId
    state: str
    price: Coin
    services: tuple[ServiceStatus, ...] | None
    reason: str = ""
    block: int = 0

    @property
    def is_active(self) -> bool:
        return self.state == "active"

    @property
    def uri(self) -> str:
        """The first public address, ``https://…``, or empty."""
        for service in self.services or ():
            if service.uris:
                return f"https://{service.uris[0]}"
        return ""


@dataclass(frozen=True)
class Deployment:
    """A deployment with its leases; ``spent`` and ``funds`` are its escrow account's.

    ``block`` is the height at which it was made, ``settled`` the one that
    ``spent`` and ``funds`` are of; 0 where that is not told.
    """

    dseq: str
    state: str
    hash: str
    leases: tuple[Lease, ...]
    spent: tuple[Coin, ...]
    funds: tuple[Coin, ...]
    block: int = 0
    settled: int = 0

    @property
    def is_active(self) -> bool:
        return self.state == "active"

    @property
    def created(self) -> datetime | None:
        """When it was made; None for one numbered by its block."""
        if int(self.dseq) not in _MILLISECONDS:
            return None
        return datetime.fromtimestamp(int(self.dseq) / 1000, UTC)

    def block_at(self, moment: datetime) -> int | None:
        """The chain's height then, reckoned from the block that it was made in."""
        if self.created is None or not self.block:
            return None
        return self.block + int((moment - self.created).total_seconds() / BLOCK_SECONDS)

    @property
    def leased(self) -> datetime | None:
        """When its lease was made, to some seconds."""
        lease = self.lease
        if lease is None or self.created is None or not (lease.block and self.block):
            return self.created
        return self.created + timedelta(seconds=(lease.block - self.block) * BLOCK_SECONDS)

    @property
    def lease(self) -> Lease | None:
        """The running lease, else the last one."""
        active = (lease for lease in self.leases if lease.is_active)
        return next(active, self.leases[-1] if self.leases else None)


@dataclass(frozen=True)
class Created:
    """A deployment that was made, or found to exist. ``manifest`` is what a lease needs."""

    dseq: str
    manifest: str
    was_there: bool = False


@dataclass(frozen=True)
class Provider:
    """Who bids. ``uptime`` is the share of the last seven days, None where unknown.

    ``uri`` is where its gateway answers, ``https://provider.example.com:8443``.
    """

    address: str
    uri: str
    name: str
    region: str
    audited: bool
    uptime: float | None

    @property
    def host(self) -> str:
        return urlsplit(self.uri).hostname or ""


@dataclass(frozen=True)
class Screened:
    """A provider that could host a file now."""

    address: str
    host: str
    audited: bool
    region: str
