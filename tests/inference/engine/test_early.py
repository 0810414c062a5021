"""An engine that begins before the server does, and is taken over by the pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from inference.engine import client, early
from inference.engine.early import HeadStart
from inference.engine.pool import Pool
from inference.errors import EngineError
from inference.models import LocalModel
from inference.pull import find
from inference.settings import Settings, load
from tests.inference.endpoint import running_on_stand_in, stand_in_engine


def _settings(model: Path, folder: Path, *flags: str) -> Settings:
    engine = str(stand_in_engine(folder))
    return load(["--model", str(model), "--engine-binary", engine, *flags], {})


def _model(settings: Settings) -> LocalModel:
    model = find(settings.default_model, settings)
    assert model
    return model


def _begun(settings: Settings) -> HeadStart:
    begun = early.begin(settings)
    assert begun
    return begun


@asynccontextmanager
async def _pool(settings: Settings, begun: HeadStart) -> AsyncIterator[Pool]:
    async with client.new_session() as session:
        pool = Pool(settings, session, begun)
        try:
            yield pool
        finally:
            await pool.close()


def test_it_works(models: Path, tmp_path: Path) -> None:
    settings = _settings(models / "tiny.gguf", tmp_path)
    begun = _begun(settings)

    async def use() -> None:
        async with _pool(settings, begun) as pool, pool.use(_model(settings)) as lease:
            assert lease.engine.pid == begun.child.pid
            assert lease.engine.config == begun.child.config

    asyncio.run(use())
    assert begun.child.exit_code is not None


def test_the_server_starts_no_second_one(models: Path, tmp_path: Path) -> None:
    with running_on_stand_in(tmp_path, models) as endpoint:
        assert len(endpoint.children()) == 1


def test_one_that_nobody_used_is_ended(models: Path, tmp_path: Path) -> None:
    settings = _settings(models / "tiny.gguf", tmp_path)
    begun = _begun(settings)

    async def leave() -> None:
        async with _pool(settings, begun):
            assert begun.child.exit_code is None

    asyncio.run(leave())
    assert begun.child.exit_code is not None


def test_it_is_for_its_own_model_and_once(models: Path, tmp_path: Path) -> None:
    settings = _settings(models / "tiny.gguf", tmp_path)
    begun = _begun(settings)
    other = _settings(models / "thinker.gguf", tmp_path)

    async def use() -> None:
        async with _pool(settings, begun) as pool:
            async with pool.use(_model(other)) as lease:
                assert lease.engine.pid != begun.child.pid
            async with pool.use(_model(settings)) as lease:
                assert lease.engine.pid == begun.child.pid
            await pool.unload(_model(settings).name)
            async with pool.use(_model(settings)) as lease:
                assert lease.engine.pid != begun.child.pid

    asyncio.run(use())


def test_one_that_ended_meanwhile_is_told_by_the_load(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN_ENGINE", "refuse")
    settings = _settings(models / "tiny.gguf", tmp_path)
    begun = _begun(settings)

    async def use() -> None:
        await begun.child.ended()
        async with _pool(settings, begun) as pool, pool.use(_model(settings)):
            raise AssertionError("it cannot load")

    with pytest.raises(EngineError, match="not to my taste"):
        asyncio.run(use())


def test_nothing_begins_without_a_model(tmp_path: Path) -> None:
    settings = load(["--allow-pull"], {"MODELS_DIR": str(tmp_path)})
    assert early.begin(settings) is None


def test_nothing_begins_where_the_model_is_not_here(tmp_path: Path) -> None:
    settings = load(["--model", "hf.co/user/repo:Q8_0"], {"MODELS_DIR": str(tmp_path)})
    assert early.begin(settings) is None


def test_nothing_begins_with_a_broken_file(models: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes((models / "tiny.gguf").read_bytes()[:-1000])
    assert early.begin(_settings(cut, tmp_path)) is None
