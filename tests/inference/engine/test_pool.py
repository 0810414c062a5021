"""Models that come and go: keep-alive, the memory budget, and who has to leave."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from inference.engine import auto, child, client
from inference.engine.pool import Pool
from inference.engine.supervisor import State
from inference.errors import EngineError, UnreadableModel
from inference.models import LocalFile, LocalModel, Source
from inference.settings import Settings, load
from tests.faults.outcomes import SOON
from tests.inference.endpoint import stand_in_engine


def _settings(models: Path, folder: Path, *flags: str) -> Settings:
    engine = str(stand_in_engine(folder))
    given = ["--model", str(models / "tiny.gguf"), "--engine-binary", engine, *flags]
    return load(given, {})


def _model(path: Path) -> LocalModel:
    return LocalModel(str(path), Source.LOCAL, (LocalFile(path, path.stat().st_size),))


@asynccontextmanager
async def _pool(settings: Settings) -> AsyncIterator[Pool]:
    async with client.new_session() as session:
        pool = Pool(settings, session)
        try:
            yield pool
        finally:
            await pool.close()


def _names(pool: Pool) -> list[str]:
    return [Path(each.model.name).stem for each in pool.loaded()]


async def _gone(pool: Pool, name: str) -> None:
    async with asyncio.timeout(SOON):
        while name in _names(pool):
            await asyncio.sleep(0.01)


def test_it_works(models: Path, tmp_path: Path) -> None:
    async def use() -> None:
        async with _pool(_settings(models, tmp_path)) as pool:
            async with pool.use(_model(models / "tiny.gguf")) as lease:
                assert lease.load_seconds > 0
            async with pool.use(_model(models / "tiny.gguf")) as again:
                assert again.load_seconds == 0
                assert again.engine is lease.engine
            assert _names(pool) == ["tiny"]
        assert lease.engine.state is State.STOPPED

    asyncio.run(use())


def test_one_load_serves_all_that_wait_for_it(models: Path, tmp_path: Path) -> None:
    async def use() -> None:
        async with _pool(_settings(models, tmp_path)) as pool:

            async def engine() -> object:
                async with pool.use(_model(models / "tiny.gguf")) as lease:
                    return lease.engine

            engines = await asyncio.gather(*(engine() for _ in range(8)))
            assert len(set(map(id, engines))) == 1

    asyncio.run(use())


def test_who_goes_away_does_not_stop_the_load(models: Path, tmp_path: Path) -> None:
    async def use() -> None:
        async with _pool(_settings(models, tmp_path)) as pool:
            impatient = asyncio.create_task(_used(pool, _model(models / "tiny.gguf")))
            done, _ = await asyncio.wait({impatient}, timeout=0.02)
            assert not done
            impatient.cancel()
            async with asyncio.timeout(SOON):
                while not _names(pool):
                    await asyncio.sleep(0.01)
            async with pool.use(_model(models / "tiny.gguf")) as lease:
                assert lease.load_seconds == 0

    asyncio.run(use())


def test_a_load_that_fails_is_told_to_all_and_tried_again(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use() -> None:
        model = _model(models / "tiny.gguf")
        async with _pool(_settings(models, tmp_path)) as pool:
            monkeypatch.setenv("STANDIN_ENGINE", "refuse")
            failed = await asyncio.gather(
                *(_used(pool, model) for _ in range(3)), return_exceptions=True
            )
            assert [type(error) for error in failed] == [EngineError] * 3
            monkeypatch.delenv("STANDIN_ENGINE")
            await _used(pool, model)

    asyncio.run(use())


def test_a_model_goes_after_its_time(models: Path, tmp_path: Path) -> None:
    async def use() -> None:
        async with _pool(_settings(models, tmp_path)) as pool:
            async with pool.use(_model(models / "tiny.gguf"), 0.05):
                await asyncio.sleep(0.2)
                assert _names(pool) == ["tiny"]
            await _gone(pool, "tiny")

    asyncio.run(use())


def test_the_least_recently_used_makes_room(models: Path, tmp_path: Path) -> None:
    tiny, thinker = _model(models / "tiny.gguf"), _model(models / "thinker.gguf")
    third = tmp_path / "third.gguf"
    third.write_bytes(thinker.path.read_bytes())

    async def use() -> None:
        settings = _settings(models, tmp_path, "--memory-budget", "1300M")
        async with _pool(settings) as pool:
            for model in (tiny, thinker, tiny):
                async with pool.use(model):
                    pass
            async with pool.use(_model(third)):
                assert _names(pool) == ["tiny", "third"]

    asyncio.run(use())


def test_who_is_used_does_not_leave(models: Path, tmp_path: Path) -> None:
    tiny, thinker = _model(models / "tiny.gguf"), _model(models / "thinker.gguf")

    async def use() -> None:
        async with _pool(_settings(models, tmp_path, "--memory-budget", "600M")) as pool:
            async with pool.use(tiny) as lease:
                other = asyncio.create_task(_used(pool, thinker))
                done, _ = await asyncio.wait({other}, timeout=0.3)
                assert not done
                assert lease.engine.state is State.READY
            async with asyncio.timeout(SOON):
                await other
            assert _names(pool) == ["thinker"]

    asyncio.run(use())


def test_a_model_waits_until_the_child_of_one_that_goes_has_ended(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "STOP_GRACE", 600.0)
    tiny, thinker = _model(models / "tiny.gguf"), _model(models / "thinker.gguf")

    async def use() -> None:
        async with _pool(_settings(models, tmp_path)) as pool:
            async with pool.use(tiny, 0.0) as lease:
                pid = lease.engine.pid
                assert pid
                os.kill(pid, signal.SIGSTOP)
            await _gone(pool, "tiny")
            other = asyncio.create_task(_used(pool, thinker))
            done, _ = await asyncio.wait({other}, timeout=0.5)
            assert not done and not pool.starting
            os.kill(pid, signal.SIGCONT)
            async with asyncio.timeout(SOON):
                await other

    asyncio.run(use())


def test_a_child_that_is_ending_has_ended_when_the_pool_is_closed(
    models: Path, tmp_path: Path
) -> None:
    async def use() -> None:
        async with _pool(_settings(models, tmp_path)) as pool:
            async with pool.use(_model(models / "tiny.gguf"), 0.0) as lease:
                pid = lease.engine.pid
                assert pid
                os.kill(pid, signal.SIGSTOP)
            await _gone(pool, "tiny")
            closing = asyncio.create_task(pool.close())
            await asyncio.sleep(0)
            os.kill(pid, signal.SIGCONT)
            await closing
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    asyncio.run(use())


async def _used(pool: Pool, model: LocalModel) -> None:
    async with pool.use(model):
        pass


def test_a_broken_file_is_told_before_the_engine_sees_it(models: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes((models / "tiny.gguf").read_bytes()[:-1000])

    async def use() -> None:
        async with _pool(_settings(models, tmp_path)) as pool:
            await _used(pool, _model(cut))

    with pytest.raises(UnreadableModel, match="cut short"):
        asyncio.run(use())


def test_memory_is_found() -> None:
    assert auto.at_hand().usable > 0
