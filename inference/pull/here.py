"""The models that are on this machine: found, listed and removed without the network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from inference.errors import InvalidName, ModelNotFound
from inference.models import LocalModel
from inference.pull import local
from inference.pull.limits import Limits
from inference.pull.store import Store
from inference.refs import Ref, RefError, parse
from inference.setting_types import is_path
from inference.settings import Settings


def find(name: str, settings: Settings) -> LocalModel | None:
    """A complete model, without the network; None where it is not here."""
    if is_path(name):
        path = Path(name).expanduser()
        return local_model(name, settings) if path.is_file() else None
    name = str(reference(name))
    model = Store(settings.models_dir).find(name, asked_projector(name, settings))
    return with_local_projector(model, settings) if model else None


def installed(settings: Settings) -> tuple[LocalModel, ...]:
    """Every complete model of the models folder, by name."""
    return Store(settings.models_dir).all()


def remove(name: str, settings: Settings, pause: Callable[[float], None] = time.sleep) -> None:
    """Delete a model, and the files that no other one shares. Raises ModelNotFound.

    ``pause`` is called while another process changes the folder, and may raise.
    """
    ref, store = reference(name), Store(settings.models_dir)
    store.prepare()
    with store.lock(lambda: pause(Limits().lock_interval)):
        if not store.remove(str(ref)):
            raise ModelNotFound(f"{ref} is not here.", next_step="`list` shows what is.")


def reference(name: str | Ref) -> Ref:
    """What a name refers to. Raises InvalidName."""
    if not isinstance(name, str):
        return name
    try:
        return parse(name)
    except RefError as error:
        raise InvalidName(str(error)) from None


def asked_projector(name: str, settings: Settings) -> str:
    """What is to be asked of the registry: the setting is about the default model."""
    if name != settings.default_model:
        return "auto"
    return "none" if is_path(settings.projector) else settings.projector


def local_model(path: str, settings: Settings) -> LocalModel:
    """A local GGUF file, by its path. Raises ModelNotFound."""
    return local.read(Path(path), projector=_local_projector(path, settings))


def with_local_projector(model: LocalModel, settings: Settings) -> LocalModel:
    """The model with the projector's file that the settings name, if they name one for it."""
    path = _local_projector(model.name, settings)
    return replace(model, projector=local.file(path)) if path else model


def _local_projector(name: str, settings: Settings) -> Path | None:
    is_meant = name == settings.default_model and is_path(settings.projector)
    return Path(settings.projector) if is_meant else None
