"""Why the runtime could not do what was asked, in a sentence for a person.

Every failure is its own class. ``str(error)`` is one sentence that says what
happened; ``next_step`` says what to do. ``exit_code`` is what the command line
ends with, ``status`` the HTTP status of an API answer.
"""

from __future__ import annotations


class InferenceError(Exception):
    """Base of every failure in this package."""

    status = 500
    exit_code = 1
    default_next_step = ""

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step or self.default_next_step

    @property
    def sentence(self) -> str:
        """What happened and what to do next, as one line."""
        return f"{self} {self.next_step}".strip()


class SettingsError(InferenceError):
    """A flag or an environment variable that makes no sense."""

    exit_code = 2


class InvalidName(InferenceError):
    """A text that names no model."""

    status = 400
    exit_code = 2


class ModelNotFound(InferenceError):
    """The registry, or the models folder, has no such model, file or revision."""

    status = 404
    exit_code = 3
    default_next_step = "Check the spelling, and that the model is public."


class ModelGated(InferenceError):
    """The files ask for accepted terms, or for a token that has access."""

    status = 403
    exit_code = 4


class Unsupported(InferenceError):
    """A model that exists and that this runtime cannot serve."""

    status = 422
    exit_code = 5


class RegistryUnreachable(InferenceError):
    """No usable answer after every retry."""

    status = 502
    exit_code = 6
    default_next_step = "What was downloaded is kept: start again to go on from there."


class RegistryAnswer(InferenceError):
    """The registry answered something that makes no sense or breaks its own word."""

    status = 502
    exit_code = 6


class NotEnoughDisk(InferenceError):
    """The models folder cannot hold what is to be downloaded."""

    status = 507
    exit_code = 7


class StorageError(InferenceError):
    """The models folder cannot be read or written."""

    exit_code = 7


class DigestMismatch(InferenceError):
    """What arrived is not what the registry names: it was thrown away."""

    status = 502
    exit_code = 8
    default_next_step = "Start again; if it repeats, something changes files on the way."


class UnreadableModel(InferenceError):
    """A GGUF file that is broken, truncated, hostile or of an unknown version."""

    status = 422
    exit_code = 8


class EngineError(InferenceError):
    """llama.cpp did not start, or ended."""

    exit_code = 9
