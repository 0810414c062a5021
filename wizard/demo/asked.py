"""What an upstream is asked, and how its answer becomes the client's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from wizard.demo.passing import Stream


@dataclass(frozen=True)
class Question:
    """A request for an upstream; ``stream`` and ``whole`` turn its answer into the client's.

    ``whole`` answers the client's document and the tokens that were used.
    """

    path: str
    body: dict[str, Any]
    stream: Callable[[], Stream]
    whole: Callable[[Any], tuple[dict[str, Any], int]]


def stamp() -> str:
    """Now, in RFC 3339 and UTC with microseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
