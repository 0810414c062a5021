"""A child that is started, watched, restarted and ended: both providers."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from inference.engine import client
from inference.engine.client import EngineLost, EngineRefused
from inference.engine.command import EngineConfig
from inference.engine.supervisor import Engine, State
from inference.errors import EngineError
from tests.inference.endpoint import binary_of, stand_in_engine

ASKED = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4}


@asynccontextmanager
async def _started(model: Path, binary: Path | None = None) -> AsyncIterator[Engine]:
    config = EngineConfig("tiny", model, context_length=16384, slots=2, threads=1)
    async with client.new_session() as session:
        engine = Engine(config, binary=binary, session=session)
        try:
            await engine.start()
            yield engine
        finally:
            await engine.stop()


def test_it_works(models: Path, provider: str) -> None:
    async def talk() -> None:
        async with _started(models / "tiny.gguf", binary_of(provider)) as engine:
            assert engine.state is State.READY
            assert engine.load_seconds > 0
            found = await client.post(engine, "/v1/chat/completions", ASKED)
            assert found["model"] == "tiny"
        assert engine.pid
        assert not Path(f"/proc/{engine.pid}").exists()

    asyncio.run(talk())


def test_a_crash_fails_the_running_request_and_is_restarted(models: Path, provider: str) -> None:
    async def crash() -> None:
        async with _started(models / "tiny.gguf", binary_of(provider)) as engine:
            endless = {**ASKED, "stream": True, "max_tokens": 16000, "ignore_eos": True}
            events = client.events(engine, "/v1/chat/completions", endless)
            assert await anext(events)
            assert engine.pid
            os.kill(engine.pid, signal.SIGSEGV)
            with pytest.raises(EngineLost, match="stopped"):
                async for _ in events:
                    pass
            while not engine.restarts:
                await asyncio.sleep(0.01)
            found = await client.post(engine, "/v1/chat/completions", ASKED)
            assert found["model"] == "tiny"
            assert engine.restarts == 1

    asyncio.run(crash())


def test_a_file_that_does_not_load_is_told(tmp_path: Path, provider: str) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(200))

    async def load() -> None:
        async with _started(broken, binary_of(provider)):
            raise AssertionError("it cannot load")

    with pytest.raises(EngineError, match="could not load the model"):
        asyncio.run(load())


def test_the_last_words_of_a_program_are_told(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN_ENGINE", "refuse")

    async def load() -> None:
        async with _started(models / "tiny.gguf", stand_in_engine(tmp_path)):
            raise AssertionError("it cannot load")

    with pytest.raises(EngineError, match="not to my taste"):
        asyncio.run(load())


def test_a_program_that_tells_nothing_of_itself_is_ended(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN_ENGINE", "mute")

    async def start() -> None:
        async with client.new_session() as session:
            config = EngineConfig("tiny", models / "tiny.gguf", 16384, slots=2, threads=1)
            engine = Engine(config, binary=stand_in_engine(tmp_path), session=session)
            with pytest.raises(EngineError, match="could not be started"):
                await engine.start()
            assert engine.state is State.FAILED
            assert engine.pid
            assert not Path(f"/proc/{engine.pid}").exists()

    asyncio.run(start())


def test_a_program_that_hangs_while_it_loads_is_noticed(models: Path, tmp_path: Path) -> None:
    program = tmp_path / "llama-server"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)

    async def start() -> None:
        async with client.new_session() as session:
            config = EngineConfig("tiny", models / "tiny.gguf", 16384, slots=2, threads=1)
            engine = Engine(config, binary=program, session=session)
            starting = asyncio.create_task(engine.start())
            async with asyncio.timeout(60):
                while engine.idle_seconds < 1:
                    await asyncio.sleep(0.05)
            starting.cancel()
            await asyncio.wait((starting,))
            assert engine.state is State.STOPPED

    asyncio.run(start())


def test_a_load_that_takes_too_long_is_ended(models: Path, tmp_path: Path) -> None:
    """As one does that spins: it works, as far as can be seen."""
    program = tmp_path / "llama-server"
    program.write_text("#!/bin/sh\nwhile :; do :; done\n")
    program.chmod(0o755)

    async def start() -> None:
        async with client.new_session() as session:
            config = EngineConfig("tiny", models / "tiny.gguf", 16384, slots=2, threads=1)
            engine = Engine(config, binary=program, session=session, load_timeout=0.3)
            with pytest.raises(EngineError, match="LOAD_TIMEOUT"):
                await engine.start()
            assert engine.state is State.FAILED
            assert engine.pid
            assert not Path(f"/proc/{engine.pid}").exists()
            assert engine.loading_seconds == 0

    asyncio.run(start())


def test_a_program_serves_as_well(models: Path, tmp_path: Path) -> None:
    async def talk() -> None:
        async with _started(models / "tiny.gguf", stand_in_engine(tmp_path)) as engine:
            body = {"messages": [{"role": "user", "content": "drip 1"}], "stream": True}
            events = [event async for event in client.events(engine, "/v1/chat/completions", body)]
            assert events[0]["choices"][0]["delta"]["content"] == "word "

    asyncio.run(talk())


def test_refusals_keep_their_status_and_kind(models: Path, provider: str) -> None:
    async def ask() -> None:
        async with _started(models / "tiny.gguf", binary_of(provider)) as engine:
            long = {"messages": [{"role": "user", "content": "a" * 20000}]}
            with pytest.raises(EngineRefused) as caught:
                await client.post(engine, "/v1/chat/completions", long)
            assert caught.value.status == 400
            assert caught.value.kind == "exceed_context_size_error"

    asyncio.run(ask())


def test_others_on_the_machine_are_turned_away(models: Path, provider: str) -> None:
    async def ask() -> None:
        async with _started(models / "tiny.gguf", binary_of(provider)) as engine:
            url = f"{engine.url}/v1/chat/completions"
            async with engine.session.post(url, json=ASKED) as answer:
                assert answer.status == 401

    asyncio.run(ask())
