"""Pulling a model: the index first, then the registry, then the missing bytes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

from inference.errors import Unsupported
from inference.models import LocalFile, LocalModel
from inference.pull import here, huggingface, ollama
from inference.pull.download import download
from inference.pull.limits import Limits
from inference.pull.progress import Callback, Meter, Stage, ignore
from inference.pull.store import Store
from inference.pull.transport import Transport
from inference.pull.values import RemoteFile, Resolved
from inference.refs import HuggingFaceRef, OllamaRef, Ref
from inference.setting_types import is_path
from inference.settings import Settings


def pull(
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
    called by the threads that download, one at a time. An interrupt keeps what
    was downloaded. Raises InferenceError with a sentence.
    """
    if isinstance(name, str) and is_path(name):
        return here.local_model(name, settings)
    return Pulling(here.reference(name), settings, progress, limits).run(refresh=refresh)


class Pulling:
    """One pull: ``run`` blocks until the model is here; ``stop`` is for other threads."""

    def __init__(
        self, ref: Ref, settings: Settings, progress: Callback, limits: Limits | None
    ) -> None:
        self._ref = ref
        self._name = str(ref)
        self._settings = settings
        self._asked = here.asked_projector(self._name, settings)
        self._limits = limits or Limits(connections=settings.download_connections)
        self._store = Store(settings.models_dir)
        self._meter = Meter(self._name, progress)
        hub, registry = settings.hugging_face_url, settings.ollama_registry_url
        self._transport = Transport(hub, settings.hf_token, self._limits, registry)

    def run(self, *, refresh: bool) -> LocalModel:
        """As :func:`pull`. Raises Stopped where ``stop`` was called."""
        model = None if refresh else self._store.find(self._name, self._asked)
        if model is None:
            model = self._under_lock(refresh=refresh)
        self._meter.stage(Stage.READY)
        return here.with_local_projector(model, self._settings)

    def stop(self) -> None:
        """Let ``run`` raise, soon; what was downloaded is kept."""
        self._transport.stop()

    def _under_lock(self, *, refresh: bool) -> LocalModel:
        self._store.prepare()
        with self._store.lock(self._wait):
            model = None if refresh else self._store.find(self._name, self._asked)
            return model or self._download()

    def _wait(self) -> None:
        self._meter.stage(Stage.WAITING)
        self._transport.pause(self._limits.lock_interval)

    def _download(self) -> LocalModel:
        """Let another thread work, and cut answers that only trickle.

        When this is interrupted the work is stopped, and waited for: nothing
        writes any more once the folder's lock is let go.
        """
        self._meter.stage(Stage.RESOLVING)
        with self._transport, ThreadPoolExecutor(1, "pull") as pool:
            running = pool.submit(self._fetch)
            try:
                while not running.done():
                    wait([running], timeout=min(1.0, self._limits.run_timeout))
                    self._transport.cut_overdue()
            finally:
                if not running.done():
                    self._transport.stop()
            return running.result()

    def _fetch(self) -> LocalModel:
        resolved = self._resolve()
        files = resolved.all_files
        self._store.require_room(files, self._limits.disk_reserve, self._name)
        for file in files:
            done = file.size if self._store.has(file) else 0
            self._meter.expect(str(file.digest), file.name, done, file.size)
        for file in files:
            if not self._store.has(file):
                download(self._transport, file, self._store.path_of(file), self._meter)
        return self._store.keep(self._model(resolved), self._asked)

    def _resolve(self) -> Resolved:
        if isinstance(self._ref, OllamaRef):
            registry = self._settings.ollama_registry_url
            resolved = ollama.resolve(self._transport, registry, self._ref)
        else:
            hub = self._settings.hugging_face_url
            resolved = huggingface.resolve(self._transport, hub, self._ref, self._asked)
        if self._asked == "none":
            return replace(resolved, projector=None)
        if self._asked == "auto":
            return resolved
        return replace(resolved, projector=self._other_projector())

    def _other_projector(self) -> RemoteFile:
        ref = here.reference(self._asked)
        if not isinstance(ref, HuggingFaceRef):
            raise Unsupported(f"{ref} is no projector's file.")
        return huggingface.resolve_file(self._transport, self._settings.hugging_face_url, ref)

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
