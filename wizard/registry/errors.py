"""Why a registry could not give what was asked, and what a person does next.

Every failure is its own class, so that a page can have its own words for it.
``status`` is the HTTP status of our page; ``title`` names the failure;
``str(error)`` says what happened to this very model; ``next_step`` says what
to do. ``link`` is a page elsewhere where that is done.
"""

from __future__ import annotations


class RegistryError(Exception):
    """Base of every failure in this package."""

    status = 502
    title = "The registry gave an unexpected answer"
    default_next_step = "Try again in a moment, or pick a popular model."

    def __init__(
        self, message: str, *, next_step: str = "", link: str = "", retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.next_step = next_step or self.default_next_step
        self.link = link
        self.retry_after = retry_after


class InvalidName(RegistryError):
    status = 400
    title = "That is not a model's name"
    default_next_step = "Write it like Qwen/Qwen3-8B-GGUF, llama3.1:8b, or paste the model's link."


class ModelNotFound(RegistryError):
    status = 404
    title = "No such model"
    default_next_step = "Check the spelling, or search for a part of the name."


class NotInCatalogue(ModelNotFound):
    """It may well exist: a site without a network cannot know."""

    title = "Not in this site's catalogue"
    default_next_step = (
        "The site works offline and knows no other models. Search for a part of the name."
    )


class VariantNotFound(RegistryError):
    status = 404
    title = "No such variant"
    default_next_step = "Choose one of the variants in the table."


class ModelPrivate(RegistryError):
    status = 404
    title = "This model is private, or does not exist"
    default_next_step = "Only public and gated models can be read without a token."


class ModelGated(RegistryError):
    status = 403
    title = "This model is gated"
    default_next_step = "Sign in to Hugging Face, accept the model's terms, and use a read token."


class ModelRenamed(RegistryError):
    """Carries the new name: the page follows it by itself."""

    status = 301
    title = "This model has a new name"

    def __init__(self, message: str, *, new_repo: str) -> None:
        super().__init__(message)
        self.new_repo = new_repo


class CloudOnly(RegistryError):
    status = 422
    title = "This tag runs only in Ollama's cloud"
    default_next_step = "Choose another tag of the same model: a cloud tag has no weights to run."


class CloudModel(CloudOnly):
    """No tag of the model has weights."""

    title = "This model runs only in Ollama's cloud"
    default_next_step = (
        "Ollama has no weights of it. Search for its name: its makers may publish it on "
        "Hugging Face, or choose another model."
    )


class MlxOnly(RegistryError):
    status = 422
    title = "This tag is for Apple's MLX"
    default_next_step = "Choose a tag without “mlx”, “nvfp4” or “mxfp8”: Akash's GPUs run GGUF."


class NothingToServe(RegistryError):
    """No GGUF and no safetensors that an engine reads; ``conversions`` may help."""

    status = 422
    title = "There are no files here that a server can load"
    default_next_step = "Look for a GGUF conversion of the same model."

    def __init__(
        self, message: str, *, conversions: tuple[str, ...] = (), next_step: str = ""
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.conversions = conversions


class UnsupportedArchitecture(NothingToServe):
    title = "No engine serves this architecture yet"
    default_next_step = "Look for a GGUF conversion, or a model of another family."


class RateLimited(RegistryError):
    status = 503
    title = "The registry asks us to wait"
    default_next_step = "Models of the catalogue can be looked at meanwhile."


class RegistryTimeout(RegistryError):
    status = 504
    title = "The registry did not answer in time"


class RegistryDown(RegistryError):
    status = 503
    title = "The registry is out of reach"


class UnreadableHeader(RegistryError):
    """A GGUF header or config that is broken, hostile or without needed keys."""

    status = 422
    title = "This file's header cannot be read"
    default_next_step = "Choose another variant, or another conversion of the model."
