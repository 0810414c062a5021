"""What a registry's refusal means, in words that say what to do next.

Statuses and ``X-Error-Code`` values: ``huggingface_hub`` ``utils/_http.py``.
The Hub answers 401 for a repository that does not exist, and for a private one.
"""

from __future__ import annotations

from email.message import Message

from inference.errors import InferenceError, ModelGated, ModelNotFound, RegistryAnswer

TRANSIENT = frozenset((408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529))
LONGEST_RETRY_AFTER = 300.0


class Transient(Exception):
    """A failure that may pass. ``wait`` is what the server asked for, in seconds."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Changed(Exception):
    """The bytes behind a name are no longer those that a resumed download began with."""


def retry_after(headers: Message) -> float | None:
    """``Retry-After`` in seconds, bounded; None where it is missing or a date."""
    text = headers.get("Retry-After", "")
    if not text.isascii() or not text.isdigit():
        return None
    return min(float(text[:9]), LONGEST_RETRY_AFTER)


def refusal(
    name: str, status: int, headers: Message, *, hub: bool, has_token: bool
) -> InferenceError:
    """The error for a final status of 400 or more."""
    if hub:
        return _hub_refusal(name, status, headers, has_token)
    if status in (401, 403):
        return ModelGated(f"The registry does not give {name} to anonymous callers.")
    if status in (404, 410):
        return ModelNotFound(f"The registry has no {name}.")
    return RegistryAnswer(f"The registry answered {status} for {name}.")


def _hub_refusal(name: str, status: int, headers: Message, has_token: bool) -> InferenceError:
    code = headers.get("X-Error-Code", "")
    if code == "GatedRepo":
        return _gated(name, has_token)
    if "Invalid credentials" in headers.get("X-Error-Message", ""):
        return ModelGated(
            "Hugging Face does not accept the HF_TOKEN.",
            next_step="Make a new read token at https://huggingface.co/settings/tokens.",
        )
    if code == "RevisionNotFound":
        return ModelNotFound(f"{name} has no such revision.", next_step="Leave it out, or mend it.")
    if code == "EntryNotFound":
        return ModelNotFound(f"{name} has no such file.", next_step="Check the file's name.")
    if status in (401, 403, 404, 410):
        return _missing(name, has_token)
    return RegistryAnswer(f"Hugging Face answered {status} for {name}.")


def _missing(name: str, has_token: bool) -> InferenceError:
    step = (
        "Check the spelling, and that the HF_TOKEN's account may read it."
        if has_token
        else "Check the spelling; for a private repository set HF_TOKEN."
    )
    return ModelNotFound(
        f"{name} does not exist on Hugging Face, or it is private.", next_step=step
    )


def _gated(name: str, has_token: bool) -> InferenceError:
    page = "https://huggingface.co/" + "/".join(
        name.removeprefix("hf.co/").split("@")[0].split(":")[0].split("/")[:2]
    )
    if has_token:
        return ModelGated(
            f"{name} is gated, and the HF_TOKEN's account has no access to it yet.",
            next_step=f"Accept its terms at {page} with that account, wait where it asks for a "
            "review, and start again.",
        )
    return ModelGated(
        f"{name} is gated: its files are given only to those who accepted its terms.",
        next_step=f"Sign in and accept them at {page}, make a read token at "
        "https://huggingface.co/settings/tokens, and set it as HF_TOKEN.",
    )
