"""The models that this server serves, by every name that a caller may use."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from inference import refs
from inference.errors import InferenceError, ModelNotFound
from inference.models import LocalModel, public_name
from inference.pull import installed, tasks
from inference.pull.progress import Callback, Progress
from inference.setting_types import ANY_NAME
from inference.settings import Settings

Puller = Callable[[str, Settings, Callback], Awaitable[LocalModel]]
_log = logging.getLogger(__name__)


class NotHereYet(InferenceError):
    """A model of this server that is still being downloaded."""

    status = 503
    default_next_step = "Try again when it is: the page at / shows how far it is."


@dataclass
class Entry:
    """A model that was asked for. ``error`` is a sentence where it could not be had."""

    name: str
    model: LocalModel | None = None
    progress: Progress | None = None
    failure: InferenceError | None = None


class Library:
    """Names to models. Configured ones are there from the start, downloaded or not."""

    def __init__(self, settings: Settings, puller: Puller | None = None) -> None:
        self._settings = settings
        self._puller = puller or _pull
        self._aliases = dict(settings.aliases)
        self._otherwise = self._aliases.pop(ANY_NAME, None)
        self._entries = {name: Entry(name) for name in settings.models}

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries.values())

    @property
    def models(self) -> tuple[LocalModel, ...]:
        """What is downloaded."""
        return tuple(entry.model for entry in self.entries if entry.model)

    def names(self) -> list[tuple[str, LocalModel]]:
        """Every public name of what is downloaded, aliases last."""
        found = [(public_name(model.name), model) for model in self.models]
        aliased = ((alias, self._entries.get(target)) for alias, target in self._aliases.items())
        return [
            *found,
            *((alias, entry.model) for alias, entry in aliased if entry and entry.model),
        ]

    def find(self, name: str, *, exactly: bool = False) -> LocalModel:
        """The model that a caller means. An empty name is the default model.

        ``exactly`` leaves out the alias ``*``. Raises ModelNotFound, or NotHereYet
        while it is downloaded.
        """
        entry = self._entry(name or self._settings.default_model)
        if entry is None and self._otherwise and not exactly:
            entry = self._entries.get(self._otherwise)
        if entry is None:
            raise ModelNotFound(f"model '{name}' not found", next_step=" ")
        if entry.model:
            return entry.model
        if entry.failure:
            raise NotHereYet(f"model '{name}' could not be had: {entry.failure}", next_step=" ")
        raise NotHereYet(f"model '{name}' is still being downloaded.")

    def add_installed(self) -> None:
        """Serve what the models folder already has, where callers may pull."""
        if self._settings.allow_pull:
            for model in installed(self._settings):
                self._entries.setdefault(model.name, Entry(model.name, model))

    async def pull_configured(self) -> None:
        """Have every configured model, one after the other. Failures are kept in the entries."""
        for entry in self.entries:
            if entry.model is None:
                with contextlib.suppress(InferenceError):
                    await self._fill(entry, lambda _progress: None)

    async def pull(self, name: str, progress: Callback) -> LocalModel:
        """Have one more model. Raises InferenceError."""
        try:
            canonical = str(refs.parse(name))
        except refs.RefError as error:
            raise ModelNotFound(str(error), next_step=" ") from None
        entry = self._entries.get(canonical) or Entry(canonical)
        model = await self._fill(entry, progress)
        self._entries[canonical] = entry
        return model

    async def remove(self, name: str) -> LocalModel:
        """Delete a model's files. Raises InferenceError."""
        model = self.find(name, exactly=True)
        await tasks.remove(model.name, self._settings)
        self._entries.pop(model.name, None)
        return model

    async def _fill(self, entry: Entry, told: Callback) -> LocalModel:
        """Raises InferenceError, which the entry keeps, with the model that it may have had."""
        loop = asyncio.get_running_loop()

        def note(progress: Progress) -> None:
            entry.progress = progress
            loop.call_soon_threadsafe(told, progress)

        try:
            model = await self._puller(entry.name, self._settings, note)
        except InferenceError as error:
            _log.error("%s: %s", entry.name, error.sentence)
            entry.failure = error
            raise
        entry.model, entry.failure = model, None
        return model

    def _entry(self, name: str) -> Entry | None:
        name = self._aliases.get(name) or self._aliases.get(name.removesuffix(":latest"), name)
        if name in self._entries:
            return self._entries[name]
        canonical = _canonical(name)
        for entry in self.entries:
            if canonical in (entry.name, _canonical(public_name(entry.name))):
                return entry
        return self._entries.get(_canonical(f"hf.co/{name}")) if "/" in name else None


def _canonical(name: str) -> str:
    """A name as the grammar spells it; what is no name stays as it is."""
    try:
        return str(refs.parse(name))
    except refs.RefError:
        return name


async def _pull(name: str, settings: Settings, progress: Callback) -> LocalModel:
    return await tasks.pull(name, settings, progress)
