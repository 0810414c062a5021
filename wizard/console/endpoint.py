"""How far a deployed endpoint is, asked over its own address: for the command line.

The page asks from the browser instead, so that the site itself never follows
an address that somebody else gave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2

_SECONDS = 8.0
_MAX_BYTES = 1 << 20
_PHASES = ("pulling", "loading", "ready", "failed")


@dataclass(frozen=True)
class Seen:
    """``phase`` is pulling, loading, ready, failed, starting (it answers) or silent.

    ``done`` and ``size`` are bytes of a download, 0 where none is told.
    """

    phase: str
    sentence: str = ""
    done: int = 0
    size: int = 0


async def look(uri: str, key: str) -> Seen:
    """What the endpoint says of itself. Never raises."""
    async with httpx2.AsyncClient(timeout=_SECONDS) as client:
        status = await _asked(client, f"{uri}/status", "")
        if status and status[0] == 200 and status[1].get("phase") in _PHASES:
            return _runtime(status[1])
        models = await _asked(client, f"{uri}/v1/models", key)
    if models and models[0] == 200:
        return Seen("ready")
    if models and models[0] in (401, 403):
        return Seen("failed", "It answers, but not to this key: another key was deployed.")
    return Seen("starting") if status or models else Seen("silent")


def _runtime(told: dict[str, Any]) -> Seen:
    message = told.get("message")
    sentence = message[:500] if isinstance(message, str) else ""
    models = told.get("models")
    for model in models if isinstance(models, list) else []:
        progress = model.get("progress") if isinstance(model, dict) else None
        if isinstance(progress, dict):
            return Seen(told["phase"], sentence, _bytes(progress, "done"), _bytes(progress, "size"))
    return Seen(told["phase"], sentence)


def _bytes(progress: dict[str, Any], name: str) -> int:
    value = progress.get(name)
    return max(value, 0) if isinstance(value, int) and not isinstance(value, bool) else 0


async def _asked(
    client: httpx2.AsyncClient, address: str, key: str
) -> tuple[int, dict[str, Any]] | None:
    """Status and JSON, or None where nothing answers."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        answer = await client.get(address, headers=headers)
        body = answer.json() if len(answer.content) <= _MAX_BYTES else None
    except httpx2.HTTPError:
        return None
    except ValueError:
        return answer.status_code, {}
    return answer.status_code, body if isinstance(body, dict) else {}
