"""How the server is: ``/status``, ``/health``, ``/healthz``, ``/readyz``, ``/metrics``, ``/``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from inference import __version__, auth, metrics, status_page
from inference import runtime as runtimes
from inference.api import facts
from inference.engine.pool import Loaded
from inference.engine.supervisor import IDLE_AFTER, Engine, State
from inference.errors import InferenceError
from inference.library import Entry
from inference.metrics import sample
from inference.models import LocalModel, public_name
from inference.pull.progress import Progress
from inference.runtime import Phase, Runtime

STATIC = Path(__file__).parent / "static"
_TYPES = {"status.css": "text/css", "status.js": "text/javascript"}
_SCRAPE_TIMEOUT = aiohttp.ClientTimeout(total=2)


async def home(request: web.Request) -> web.Response:
    """``GET /``: a page for browsers, Ollama's sentence for everything else."""
    if "text/html" not in request.headers.get("Accept", ""):
        return web.Response(text="Ollama is running")
    runtime = runtimes.of(request)
    page = status_page.render(public(runtime), locked=bool(runtime.settings.api_key_hashes))
    headers = {"Content-Security-Policy": status_page.POLICY, "Cache-Control": "no-store"}
    return web.Response(text=page, content_type="text/html", headers=headers)


async def static(request: web.Request) -> web.Response:
    """``GET /static/{name}``"""
    name = request.match_info["name"]
    if name not in _TYPES:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "max-age=300"}
    text = (STATIC / name).read_text(encoding="utf-8")
    return web.Response(text=text, content_type=_TYPES[name], headers=headers)


async def status(request: web.Request) -> web.Response:
    """``GET /status``: where the start stands; with a key also how busy the server is."""
    runtime = runtimes.of(request)
    told = public(runtime)
    hashes = runtime.settings.api_key_hashes
    if auth.is_known(auth.key_of(request.headers), hashes):
        told |= await _inside(runtime)
    return web.json_response(told, headers={"Cache-Control": "no-store"})


async def alive(_request: web.Request) -> web.Response:
    """``GET /healthz``"""
    return web.json_response({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """``GET /health`` and ``/readyz``: 503 until requests can be answered."""
    runtime = runtimes.of(request)
    if is_ready(runtime):
        return web.json_response({"status": "ok"})
    told = public(runtime)
    error = {"code": 503, "message": told["message"], "type": "unavailable_error"}
    return web.json_response({"status": told["phase"], "error": error}, status=503)


async def prometheus(request: web.Request) -> web.Response:
    """``GET /metrics``: our counts, then those of the engines."""
    runtime = runtimes.of(request)
    texts = {
        public_name(loaded.model.name): await _scraped(loaded.engine)
        for loaded in runtime.pool.loaded()
    }
    is_several = len(runtime.library.entries) > 1
    engines = metrics.of_engines(texts, labelled=is_several)
    body = "\n".join((*runtime.metrics.lines(), *_gauges(runtime), *engines)) + "\n"
    headers = {
        "Content-Type": metrics.CONTENT_TYPE,
        "Process-Start-Time-Unix": str(int(runtime.started_at)),
    }
    return web.Response(body=body.encode(), headers=headers)


def is_ready(runtime: Runtime) -> bool:
    """Whether requests are taken, and no engine is out of order."""
    broken = (State.RESTARTING, State.FAILED)
    states = [loaded.engine.state for loaded in runtime.pool.loaded()]
    return runtime.phase is Phase.READY and not any(state in broken for state in states)


def public(runtime: Runtime) -> dict[str, Any]:
    """What everyone may know: the phase, the models, how far a download is."""
    return {
        "phase": str(runtime.phase),
        "message": _message(runtime),
        "models": [_entry(entry) for entry in runtime.library.entries],
    }


def _message(runtime: Runtime) -> str:
    if runtime.phase is Phase.FAILED:
        return runtime.failure
    if runtime.phase is Phase.LOADING:
        starting = runtime.pool.starting
        if starting is None:
            return loading_message(0.0)
        return loading_message(starting.engine.idle_seconds, starting.engine.loading_seconds)
    sentences = {
        Phase.PULLING: "The model is being downloaded.",
        Phase.READY: ready_message([loaded.engine for loaded in runtime.pool.loaded()]),
        Phase.STOPPING: "The server is stopping.",
    }
    return sentences[runtime.phase]


def loading_message(idle_seconds: float, loading_seconds: float = 0.0) -> str:
    """Whether the load goes on and for how long, or hangs as far as can be seen."""
    if idle_seconds < IDLE_AFTER:
        minutes = loading_seconds // 60
        return f"The model is being loaded{f', for {minutes:.0f} min so far' if minutes else ''}."
    return (
        "The model is being loaded, but llama.cpp has read and computed nothing for "
        f"{idle_seconds // 60:.0f} min: the card or the disk seems to hang. Start the container "
        "again, or take another provider."
    )


def ready_message(engines: Sequence[Engine]) -> str:
    """Whether every model answers, and which does not."""
    restarting = [each.config.name for each in engines if each.state is State.RESTARTING]
    failed = [each.config.name for each in engines if each.state is State.FAILED]
    told = []
    if failed:
        names = ", ".join(failed)
        told.append(f"llama.cpp could not be started again for {names}: a request tries anew.")
    if restarting:
        told.append(f"llama.cpp is being started again for {', '.join(restarting)}.")
    return " ".join(told) or "The model answers."


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": public_name(entry.name),
        "downloaded": entry.model is not None,
        "facts": _facts(entry.model) if entry.model else [],
        "capabilities": _capabilities(entry.model) if entry.model else [],
        "error": entry.failure.sentence if entry.failure else None,
        "progress": _progress(entry.progress) if entry.progress and not entry.model else None,
    }


def _facts(model: LocalModel) -> list[str]:
    """What a person wants to know of a model, in a few words."""
    try:
        told, can = facts.details(model), facts.capabilities(model)
    except InferenceError:
        return ["downloaded"]
    size, precision = told["parameter_size"], told["quantization_level"]
    trained = told.get("context_length")
    context = [f"trained for {trained:,} tokens"] if trained else []
    # Ollama's word for what most people call by its result.
    words = ("text" if name == "completion" else name for name in can)
    return [f"{size} parameters", precision, *context, ", ".join(words)]


def _capabilities(model: LocalModel) -> list[str]:
    """What it can do, in Ollama's words; nothing where its file cannot be read."""
    try:
        return facts.capabilities(model)
    except InferenceError:
        return []


def _progress(progress: Progress) -> dict[str, Any]:
    return {
        "stage": str(progress.stage),
        "done": progress.done,
        "size": progress.size,
        "fraction": round(progress.fraction, 4),
        "bytes_per_second": round(progress.bytes_per_second),
        "seconds_left": progress.seconds_left,
    }


async def _inside(runtime: Runtime) -> dict[str, Any]:
    return {
        "version": __version__,
        "uptime": round(time.monotonic() - runtime.started),
        "in_flight": runtime.in_flight,
        "restarts": runtime.pool.restarts,
        "engines": [await _engine(runtime, each) for each in _engines(runtime)],
        "failures": list(runtime.failures),
    }


def _engines(runtime: Runtime) -> tuple[Loaded, ...]:
    """What is in memory, and what is on its way there."""
    pool = runtime.pool
    return (*pool.loaded(), *([pool.starting] if pool.starting else []))


async def _engine(runtime: Runtime, loaded: Loaded) -> dict[str, Any]:
    told = await _scraped(loaded.engine)
    config, running = loaded.engine.config, runtime.running[loaded.model.name]
    return {
        "model": public_name(loaded.model.name),
        "state": str(loaded.engine.state),
        "slots": config.slots,
        "context_length": config.context_length,
        "running": min(running, config.slots),
        "queued": max(0, running - config.slots),
        "tokens_per_second": {
            "read": _rate(told, "prompt_tokens_total", "prompt_seconds_total"),
            "written": _rate(told, "tokens_predicted_total", "tokens_predicted_seconds_total"),
        },
        "load_seconds": round(loaded.engine.load_seconds, 2),
        "last_lines": list(loaded.engine.last_lines),
    }


def _rate(told: str, tokens: str, seconds: str) -> float:
    """Tokens per second of one answer, over all since the engine's start; 0 before the first."""
    spent = metrics.figure(told, seconds)
    return round(metrics.figure(told, tokens) / spent, 1) if spent else 0.0


def _gauges(runtime: Runtime) -> Iterator[str]:
    received = sum(e.progress.received for e in runtime.library.entries if e.progress)
    loaded = runtime.pool.loaded()
    queued = sum(
        max(0, runtime.running[each.model.name] - each.engine.config.slots) for each in loaded
    )
    yield from sample("ready", "gauge", [({}, int(is_ready(runtime)))])
    yield from sample("in_flight", "gauge", [({}, runtime.in_flight)])
    yield from sample("queued", "gauge", [({}, queued)])
    yield from sample("models_loaded", "gauge", [({}, len(loaded))])
    yield from sample("engine_restarts_total", "counter", [({}, runtime.pool.restarts)])
    yield from sample("pull_bytes_total", "counter", [({}, received)])


async def _scraped(engine: Engine) -> str:
    """The child's own metrics; nothing where it does not answer at once."""
    try:
        async with engine.session.get(
            f"{engine.url}/metrics", headers=engine.headers, timeout=_SCRAPE_TIMEOUT
        ) as answer:
            return await answer.text() if answer.status == 200 else ""
    except (aiohttp.ClientError, TimeoutError, OSError):
        return ""
