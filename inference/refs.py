"""The grammar of model names: Hugging Face's and Ollama's.

:func:`parse` is strict and is what ``MODEL=`` takes: a Hub name starts with
``hf.co/``, everything else is Ollama's ``[namespace/]model[:tag]``. What people
paste is read by ``wizard.registry.pasted``, which ends in the same grammar.

Sources: Ollama ``types/model/name.go`` (lengths and characters of each part),
``huggingface_hub`` ``utils/_validators.py`` (repository names).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
OLLAMA_HOSTS = ("ollama.com", "www.ollama.com", "registry.ollama.ai")
LIBRARY = "library"
LATEST = "latest"
MAX_LENGTH = 512
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}\Z")
# Pages of the Hub that are no user's, and those that lead to one file of a repository.
HUB_PAGES = re.compile(
    r"(?:api|blog|chat|collections|datasets|docs|enterprise|join|learn"
    r"|login|models|new|organizations|papers|posts|pricing|settings|spaces|tasks)\Z",
    re.IGNORECASE,
)
FILE_PAGES = ("blob", "resolve", "raw")

_HUB_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?\Z")
_OLLAMA_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}\Z")
_OLLAMA_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}\Z")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,119}\Z")
_FILE = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.+=@,() /-]{0,398}[A-Za-z0-9_.+=@,()/-])?\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class RefError(ValueError):
    """A text that names no model; the message says what a name looks like."""


@dataclass(frozen=True)
class HuggingFaceRef:
    """``hf.co/user/repo[:quantisation]``, or one exact file of a repository."""

    user: str
    repo: str
    quantisation: str = ""
    file: str = ""
    revision: str = ""

    @property
    def repo_id(self) -> str:
        return f"{self.user}/{self.repo}"

    def __str__(self) -> str:
        revision = f"@{quote(self.revision, safe='')}" if self.revision else ""
        if self.file and not revision and self.file.split("/")[0] in FILE_PAGES:
            return f"hf.co/{self.repo_id}/resolve/main/{self.file}"
        if self.file:
            return f"hf.co/{self.repo_id}{revision}/{self.file}"
        tag = f":{self.quantisation}" if self.quantisation else ""
        return f"hf.co/{self.repo_id}{revision}{tag}"


@dataclass(frozen=True)
class OllamaRef:
    """``[namespace/]model[:tag][@sha256:digest]`` of the Ollama registry.

    ``digest`` is the manifest's SHA-256 (64 hexadecimal digits): what the tag
    must still stand for.
    """

    model: str
    namespace: str = LIBRARY
    tag: str = LATEST
    digest: str = ""

    def __str__(self) -> str:
        prefix = "" if self.namespace == LIBRARY else f"{self.namespace}/"
        digest = f"@sha256:{self.digest}" if self.digest else ""
        return f"{prefix}{self.model}:{self.tag}{digest}"


Ref = HuggingFaceRef | OllamaRef


def parse(text: str) -> Ref:
    """Read a name as the runtime's ``MODEL`` takes it.

    Raises RefError with a sentence that says what is wrong.
    """
    text = checked(text)
    if "://" in text:
        raise RefError(f"{text!r} is a link: write it like hf.co/user/repo:Q4_K_M.")
    host, slash, rest = text.partition("/")
    if host.lower() in HUB_HOSTS:
        return hub_ref(rest)
    if slash and host.lower() in OLLAMA_HOSTS:
        return ollama_ref(rest)
    return ollama_ref(text)


def checked(text: str) -> str:
    """The text without blanks around it; RefError where it is empty, too long or not printable."""
    text = text.strip()
    if not text:
        raise RefError("No model is named. Write it like hf.co/user/repo:Q4_K_M or llama3.1:8b.")
    if len(text) > MAX_LENGTH:
        raise RefError(f"A model's name has at most {MAX_LENGTH} characters.")
    if not text.isprintable():
        raise RefError("A model's name has no control characters.")
    return text


def hub_ref(path: str) -> HuggingFaceRef:
    """Read ``user/repo[@revision][:quantisation]`` or ``user/repo[@revision]/file``.

    Raises RefError.
    """
    parts = path.strip("/").split("/")
    if len(parts) < 2:
        raise RefError("A Hugging Face model is named hf.co/user/repo.")
    user, rest = parts[0], parts[2:]
    repo, colon, quantisation = parts[1].partition(":")
    repo, at, revision = repo.partition("@")
    if not at and len(rest) >= 2 and rest[0] in FILE_PAGES:
        revision, rest = ("" if rest[1] == "main" else rest[1]), rest[2:]
    revision, file = unquote(revision), "/".join(rest)
    _require_repo(user, repo)
    if colon and file:
        raise RefError("Name a quantisation or a file, not both.")
    if colon:
        _require(TAG, quantisation, "quantisation")
    if at or revision:
        _require_revision(revision)
    if file:
        _require_file(file)
    return HuggingFaceRef(user, repo, quantisation, file, "" if revision == "main" else revision)


def _require_repo(user: str, repo: str) -> None:
    if HUB_PAGES.match(user):
        raise RefError(f"{user}/{repo} is a page of Hugging Face, and no model.")
    _require(_HUB_PART, user, "user")
    _require(_HUB_PART, repo, "repository")
    for name in (user, repo):
        if ".." in name or "--" in name:
            raise RefError(f"{name!r} is not a repository's name: it has “..” or “--”.")


def _require_revision(revision: str) -> None:
    _require(_REVISION, revision, "revision")
    if any(part in ("", ".", "..") for part in revision.split("/")):
        raise RefError(f"{revision!r} is not a revision.")


def _require_file(file: str) -> None:
    _require(_FILE, file, "file")
    if any(part in ("", ".", "..") for part in file.split("/")):
        raise RefError(f"{file!r} is not a file's path.")


def ollama_ref(text: str) -> OllamaRef:
    """Read ``[namespace/]model[:tag][@sha256:digest]``. Raises RefError."""
    text, at, digest = text.partition("@sha256:")
    if at and not _DIGEST.match(digest):
        raise RefError("A digest is written @sha256: and 64 hexadecimal digits.")
    path, colon, tag = text.partition(":")
    namespace, slash, model = path.rpartition("/")
    if "/" in namespace:
        raise RefError("An Ollama model is named [namespace/]model[:tag].")
    namespace = namespace if slash else LIBRARY
    _require(_OLLAMA_NAMESPACE, namespace, "namespace")
    _require(_OLLAMA_PART, model, "model")
    if colon:
        _require(TAG, tag, "tag")
    return OllamaRef(model, namespace, tag or LATEST, digest)


def _require(pattern: re.Pattern[str], value: str, what: str) -> None:
    if not pattern.match(value):
        raise RefError(f"{value!r} is not a valid {what}: use letters, digits, “.”, “_” and “-”.")
