"""Pulling a model: the index first, then the registry, then the missing bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from inference.errors import InvalidName, ModelNotFound, Unsupported
from inference.models import LocalFile, LocalModel
from inference.pull import huggingface, local, ollama
from inference.pull.download import download
from inference.pull.limits import Limits
from inference.pull.progress import Callback, Meter, Stage, ignore
from inference.pull.store import Store
from inference.pull.transport import Transport
from inference.pull.values import RemoteFile, Resolved
from inference.refs import HuggingFaceRef, OllamaRef, Ref, RefError, parse
from inference.setting_types import is_path
from inference.settings import Settings

T = TypeVar("T")


async def pull(
    name: str | Ref,
    settings: Settings,
    progress: Callback = ignore,
    *,
    refresh: bool = False,
    limits: Limits | None = None,
) -> LocalModel:
    """Bring a model here: download what is missing, verify it, and say where it is.

    ``name`` is a canonical name, a reference, or the absolute path of a local
    GGUF file. A complete model is answered without the network; ``refresh``
    asks the registry whether the name means something newer. ``progress`` is
    called by the threads that download, one at a time. Cancelling keeps what
    was downloaded. Raises InferenceError with a sentence.
    """
    if isinstance(name, str) and is_path(name):
        return local.read(Path(name), projector=_local_projector(name, settings))
    ref = _ref(name)
    pulling = _Pulling(ref, settings, progress, limits or _limits(settings))
    return await pulling.run(refresh=refresh)


def find(name: str, settings: Settings) -> LocalModel | None:
    """A complete model, without the network; None where it is not here."""
    if is_path(name):
        path = Path(name).expanduser()
        beside = _local_projector(name, settings)
        return local.read(path, projector=beside) if path.is_file() else None
    ref = _ref(name)
    model = Store(settings.models_dir).find(str(ref), _asked_projector(str(ref), settings))
    return _with_local_projector(model, settings) if model else None


def installed(settings: Settings) -> tuple[LocalModel, ...]:
    """Every complete model of the models folder, by name."""
    return Store(settings.models_dir).all()


async def remove(name: str, settings: Settings) -> None:
    """Delete a model, and the files that no other one shares. Raises ModelNotFound."""
    ref, store = _ref(name), Store(settings.models_dir)
    store.prepare()
    async with store.lock(Limits().lock_interval, _say_nothing):
        if not store.remove(str(ref)):
            raise ModelNotFound(f"{ref} is not here.", next_step="`list` shows what is.")


class _Pulling:
    def __init__(self, ref: Ref, settings: Settings, progress: Callback, limits: Limits) -> None:
        self._ref = ref
        self._name = str(ref)
        self._settings = settings
        self._asked = _asked_projector(self._name, settings)
        self._limits = limits
        self._store = Store(settings.models_dir)
        self._meter = Meter(self._name, progress)

    async def run(self, *, refresh: bool) -> LocalModel:
        model = None if refresh else self._store.find(self._name, self._asked)
        if model is None:
            model = await self._under_lock(refresh=refresh)
        self._meter.stage(Stage.READY)
        return _with_local_projector(model, self._settings)

    async def _under_lock(self, *, refresh: bool) -> LocalModel:
        self._store.prepare()
        async with self._store.lock(self._limits.lock_interval, self._wait):
            model = None if refresh else self._store.find(self._name, self._asked)
            return model or await self._download()

    def _wait(self) -> None:
        self._meter.stage(Stage.WAITING)

    async def _download(self) -> LocalModel:
        self._meter.stage(Stage.RESOLVING)
        hub, token = self._settings.hugging_face_url, self._settings.hf_token
        registry = self._settings.ollama_registry_url
        with Transport(hub, token, self._limits, registry) as transport:
            return await _in_thread(transport, partial(self._fetch, transport))

    def _fetch(self, transport: Transport) -> LocalModel:
        resolved = self._resolve(transport)
        files = resolved.all_files
        self._store.require_room(files, self._limits.disk_reserve, self._name)
        for file in files:
            done = file.size if self._store.has(file) else 0
            self._meter.expect(str(file.digest), file.name, done, file.size)
        for file in files:
            if not self._store.has(file):
                download(transport, file, self._store.path_of(file), self._meter)
        return self._store.keep(self._model(resolved), self._asked)

    def _resolve(self, transport: Transport) -> Resolved:
        if isinstance(self._ref, OllamaRef):
            registry = self._settings.ollama_registry_url
            resolved = ollama.resolve(transport, registry, self._ref)
        else:
            hub = self._settings.hugging_face_url
            resolved = huggingface.resolve(transport, hub, self._ref, self._asked)
        if self._asked == "none":
            return replace(resolved, projector=None)
        if self._asked == "auto":
            return resolved
        return replace(resolved, projector=self._other_projector(transport))

    def _other_projector(self, transport: Transport) -> RemoteFile:
        ref = _ref(self._asked)
        if not isinstance(ref, HuggingFaceRef):
            raise Unsupported(f"{ref} is no projector's file.")
        return huggingface.resolve_file(transport, self._settings.hugging_face_url, ref)

    def _model(self, resolved: Resolved) -> LocalModel:
        projector = resolved.projector
        return replace(
            resolved.draft,
            files=tuple(map(self._local, resolved.files)),
            projector=self._local(projector) if projector else None,
            adapters=tuple(map(self._local, resolved.adapters)),
        )

    def _local(self, file: RemoteFile) -> LocalFile:
        sha256 = "" if file.digest.git else file.digest.hex
        return LocalFile(self._store.path_of(file), file.size, sha256, file.name)


async def _in_thread(transport: Transport, work: Callable[[], T]) -> T:
    """Let work that blocks run, and cut answers that only trickle.

    When this is cancelled the work is stopped, and waited for: nothing writes
    any more once the folder's lock is let go.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        while not running.done():
            await asyncio.wait({running}, timeout=min(1.0, transport.limits.run_timeout))
            transport.cut_overdue()
    except asyncio.CancelledError:
        transport.stop()
        await asyncio.gather(running, return_exceptions=True)
        raise
    return running.result()


def _ref(name: str | Ref) -> Ref:
    if not isinstance(name, str):
        return name
    try:
        return parse(name)
    except RefError as error:
        raise InvalidName(str(error)) from None


def _limits(settings: Settings) -> Limits:
    return Limits(connections=settings.download_connections)


def _say_nothing() -> None:
    """Nobody watches a removal wait."""


def _asked_projector(name: str, settings: Settings) -> str:
    """What is to be asked of the registry: the setting is about the default model."""
    if name != settings.default_model:
        return "auto"
    return "none" if is_path(settings.projector) else settings.projector


def _local_projector(name: str, settings: Settings) -> Path | None:
    is_meant = name == settings.default_model and is_path(settings.projector)
    return Path(settings.projector) if is_meant else None


def _with_local_projector(model: LocalModel, settings: Settings) -> LocalModel:
    path = _local_projector(model.name, settings)
    return replace(model, projector=local.file(path)) if path else model
