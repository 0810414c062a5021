"""The server's life: listen, pull, load, serve, drain, end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import signal
import socket

from aiohttp import web

from inference import application, logs
from inference.api import facts
from inference.engine.client import new_session
from inference.engine.early import HeadStart
from inference.engine.pool import Pool
from inference.errors import EngineError, InferenceError, RegistryAnswer, RegistryUnreachable
from inference.library import Library, Puller
from inference.runtime import Phase, Runtime
from inference.settings import Settings

BACKLOG = 1024
# Seconds after the grace time for the last words of answers that were not finished in it.
LAST_WORDS = 2.0
# Seconds that requests have to come whole when the server stops: it answers them with a 503.
LAST_ARRIVALS = 1.0
# Where a new start may go better than this one: whoever runs the container starts it again.
_WORTH_A_RESTART = (RegistryUnreachable, RegistryAnswer)
_log = logging.getLogger(__name__)


class CannotListen(InferenceError):
    """The port is taken, or the address is not this machine's."""


def serve(settings: Settings, head_start: HeadStart | None = None) -> int:
    """Serve until SIGTERM or SIGINT, with an engine that may have begun already.

    Answers the process's exit code. A start that fails in a way that a new one
    may cure ends at once with the failure's code; another stays and tells it on
    the status page.
    """
    logs.configure(settings.log_level)
    _open_all_files()
    return asyncio.run(run(settings, head_start=head_start))


def _open_all_files() -> None:
    """Have as many connections as the machine allows: the usual 1,024 files are for programs that
    use select(2). See https://0pointer.net/blog/file-descriptor-limits.html.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def run(
    settings: Settings, puller: Puller | None = None, head_start: HeadStart | None = None
) -> int:
    """As :func:`serve`, in a running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            loop.add_signal_handler(number, stop.set)
    async with new_session() as session:
        library = Library(settings, puller)
        runtime = Runtime(settings, session, library, Pool(settings, session, head_start))
        runner = web.AppRunner(
            application.build(runtime),
            # Only who has a key makes work: aiohttp would unpack a body as it comes in.
            auto_decompress=False,
            handler_cancellation=True,
            access_log=None,
            shutdown_timeout=settings.grace_time + LAST_WORDS,
        )
        await runner.setup()
        try:
            return await _live(runtime, runner, stop)
        except CannotListen as error:
            _log.error("%s", error)
            return error.exit_code
        finally:
            runtime.phase = Phase.STOPPING
            loop.call_later(LAST_ARRIVALS, runtime.end_arrivals)
            loop.call_later(settings.grace_time, runtime.end_answers)
            await runner.cleanup()
            await runtime.pool.close()


async def _live(runtime: Runtime, runner: web.AppRunner, stop: asyncio.Event) -> int:
    if not runtime.settings.listen_when_ready:
        await _listen(runtime, runner)
    start = asyncio.create_task(start_up(runtime))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({start, stopped}, return_when=asyncio.FIRST_COMPLETED)
    failure = start.result() if start.done() else None
    if failure and (isinstance(failure, _WORTH_A_RESTART) or runtime.settings.listen_when_ready):
        stopped.cancel()
        return failure.exit_code
    if runtime.settings.listen_when_ready and not stop.is_set():
        await _listen(runtime, runner)
    if not failure and await _gave_up(runtime, stopped):
        return EngineError.exit_code
    await stopped
    _log.info("stopping: running answers have %g s", runtime.settings.grace_time)
    if not start.done():
        start.cancel()
        await asyncio.wait((start,))
    return failure.exit_code if failure else 0


async def _gave_up(runtime: Runtime, stopped: asyncio.Task[bool]) -> bool:
    """Serve; whether it ends for want of an engine that once served, as where a card was lost.

    A new container may have the card again, and it tells what is amiss where it has not.
    """
    gave_up = asyncio.create_task(runtime.pool.gave_up.wait())
    await asyncio.wait({stopped, gave_up}, return_when=asyncio.FIRST_COMPLETED)
    if stopped.done():
        gave_up.cancel()
        return False
    stopped.cancel()
    _log.error("the engine could not be started again: the server ends, to be started anew")
    return True


async def _listen(runtime: Runtime, runner: web.AppRunner) -> None:
    host, port = runtime.settings.host, runtime.settings.port
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        await _site(runner, host, port).start()
    except OSError as error:
        raise CannotListen(f"cannot listen on {where}: {error.strerror}") from error
    _log.info("listening on http://%s", where)


def _site(runner: web.AppRunner, host: str, port: int) -> web.BaseSite:
    if host != "::" or not socket.has_dualstack_ipv6():
        return web.TCPSite(runner, host, port, backlog=BACKLOG)
    # asyncio would take callers by IPv6 alone.
    both = socket.create_server((host, port), family=socket.AF_INET6, dualstack_ipv6=True)
    return web.SockSite(runner, both, backlog=BACKLOG)


async def start_up(runtime: Runtime) -> InferenceError | None:
    """Have the models, and load the default one. Answers what went wrong, if anything did."""
    library, name = runtime.library, runtime.settings.default_model
    library.add_installed()
    await library.pull_configured()
    default = next((entry for entry in library.entries if entry.name == name), None)
    if default is None:
        runtime.phase = Phase.READY
        return None
    if default.model is None:
        return _failed(runtime, default.failure or InferenceError(f"{name} is not here."))
    runtime.phase = Phase.LOADING
    try:
        for model in library.models:
            await asyncio.to_thread(facts.header, model.path)
        async with runtime.pool.use(default.model):
            runtime.phase = Phase.READY
    except InferenceError as error:
        return _failed(runtime, error)
    _log.info("ready")
    return None


def _failed(runtime: Runtime, error: InferenceError) -> InferenceError:
    _log.error("%s", error.sentence)
    runtime.phase, runtime.failure = Phase.FAILED, error.sentence
    return error
