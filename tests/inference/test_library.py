"""What a server has of a model, when it is pulled once more and that fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from inference.errors import ModelNotFound, RegistryUnreachable
from inference.library import Library
from inference.models import LocalFile, LocalModel, Source
from inference.pull.progress import Callback
from inference.settings import Settings, from_flags

NAME = "hf.co/user/repo:Q8_0"
MODEL = LocalModel(NAME, Source.HUGGING_FACE, (LocalFile(Path("/m.gguf"), 1),))


def _library(*outcomes: LocalModel | RegistryUnreachable, models: tuple[str, ...] = ()) -> Library:
    left = iter(outcomes)

    async def puller(_name: str, _settings: Settings, _told: Callback) -> LocalModel:
        outcome = next(left)
        if isinstance(outcome, RegistryUnreachable):
            raise outcome
        return outcome

    return Library(from_flags({"MODEL": list(models)}, {}, serving=False), puller)


def _pull(library: Library) -> LocalModel:
    return asyncio.run(library.pull(NAME, lambda _progress: None))


def test_it_works() -> None:
    library = _library(MODEL)
    assert _pull(library) is MODEL
    assert library.find(NAME) is MODEL


def test_a_pull_that_fails_is_told_and_the_model_stays() -> None:
    library = _library(MODEL, RegistryUnreachable("nobody answers"), MODEL)
    _pull(library)
    with pytest.raises(RegistryUnreachable):
        _pull(library)
    assert library.find(NAME) is MODEL
    assert library.entries[0].failure
    _pull(library)
    assert library.entries[0].failure is None


def test_what_never_came_is_no_model() -> None:
    library = _library(RegistryUnreachable("nobody answers"))
    with pytest.raises(RegistryUnreachable):
        _pull(library)
    with pytest.raises(ModelNotFound):
        library.find(NAME)


def test_a_start_goes_on_without_a_model_that_cannot_be_had() -> None:
    library = _library(RegistryUnreachable("nobody answers"), models=(NAME,))
    asyncio.run(library.pull_configured())
    assert library.entries[0].failure
