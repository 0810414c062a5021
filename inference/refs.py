"""The grammar of model names, for the runtime and for what people paste.

Two readers of one grammar. :func:`parse` is strict and is what ``MODEL=``
takes: a Hub name starts with ``hf.co/``, everything else is Ollama's
``[namespace/]model[:tag]``. :func:`candidates` reads what a person pastes — a
link, a command line, a bare ``user/model`` — and answers every reading, the
likeliest first.

Sources: Ollama ``types/model/name.go`` (lengths and characters of each part),
``huggingface_hub`` ``utils/_validators.py`` (repository names).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote, urlsplit

HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
OLLAMA_HOSTS = ("ollama.com", "www.ollama.com", "registry.ollama.ai")
LIBRARY = "library"
LATEST = "latest"
MAX_LENGTH = 512

_HUB_PART = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?\Z")
_OLLAMA_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}\Z")
_OLLAMA_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}\Z")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,119}\Z")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=@,() /-]{0,399}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_COMMANDS = {
    ("ollama", "run"),
    ("ollama", "pull"),
    ("ollama", "show"),
    ("vllm", "serve"),
    ("hf", "download"),
    ("huggingface-cli", "download"),
}


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
        revision = f"@{self.revision}" if self.revision else ""
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
    text = _checked(text)
    first, _, rest = text.partition("/")
    if first.lower() in HUB_HOSTS and rest:
        return _hub_ref(rest)
    return _ollama_ref(text)


def candidates(text: str) -> tuple[Ref, ...]:
    """Every model that a pasted text can mean, the likeliest first.

    An empty tuple means that the text is no name, and is to be searched for.
    A bare ``user/model`` may live in both registries: both are answered.
    """
    try:
        text = _without_command(_checked(text))
        if "://" in text or text.lower().startswith((*HUB_HOSTS, *OLLAMA_HOSTS)):
            return (_from_link(text),)
    except RefError:
        return ()
    found: list[Ref] = []
    if "/" in text:
        found += _tried(_hub_ref, text)
    found += _tried(_ollama_ref, text)
    return tuple(found)


def _tried(read: Callable[[str], Ref], text: str) -> list[Ref]:
    try:
        return [read(text)]
    except RefError:
        return []


def _checked(text: str) -> str:
    text = text.strip()
    if not text:
        raise RefError("No model is named. Write it like hf.co/user/repo:Q4_K_M or llama3.1:8b.")
    if len(text) > MAX_LENGTH:
        raise RefError(f"A model's name has at most {MAX_LENGTH} characters.")
    if not text.isprintable():
        raise RefError("A model's name has no control characters.")
    return text


def _without_command(text: str) -> str:
    """``ollama run x`` → ``x``; ``llama-server -hf x`` → ``x``."""
    try:
        words = shlex.split(text)
    except ValueError:
        return text
    if len(words) >= 3 and (words[0], words[1]) in _COMMANDS:
        name = next((word for word in words[2:] if not word.startswith("-")), text)
        is_hub = words[0] != "ollama"
        return f"hf.co/{name}" if is_hub and not name.startswith("hf.co/") else name
    if words and words[0].startswith("llama-"):
        for flag, value in pairwise(words):
            if flag in ("-hf", "-hfr", "--hf-repo"):
                return f"hf.co/{value}"
    return text


def _from_link(text: str) -> Ref:
    link = urlsplit(text if "://" in text else f"https://{text}")
    host, path = (link.hostname or "").lower(), unquote(link.path).strip("/")
    if link.scheme not in ("http", "https"):
        raise RefError("Only https links of a model can be read.")
    if host in HUB_HOSTS:
        return _hub_ref(path)
    if host in OLLAMA_HOSTS:
        path = re.sub(r"/(tags|blobs/.*)\Z", "", path)
        return _ollama_ref(path.removeprefix("library/"))
    raise RefError(f"{host} is neither Hugging Face nor the Ollama registry.")


def _hub_ref(path: str) -> HuggingFaceRef:
    """Read ``user/repo[@revision][:quant]``, ``…/file.gguf``, or a page's path."""
    parts = path.strip("/").split("/")
    if len(parts) < 2:
        raise RefError("A Hugging Face model is named user/repo.")
    user, repo, rest = parts[0], parts[1], parts[2:]
    repo, _, quantisation = repo.partition(":")
    repo, _, revision = repo.partition("@")
    if len(rest) >= 2 and rest[0] in ("blob", "resolve", "tree", "raw"):
        revision, rest = ("" if rest[1] == "main" else rest[1]), rest[2:]
    file = "/".join(rest)
    _require(_HUB_PART, user, "user")
    _require(_HUB_PART, repo, "repository")
    if ".." in repo or "--" in repo:
        raise RefError(f"{repo!r} is not a repository's name: it has “..” or “--”.")
    if quantisation:
        _require(_TAG, quantisation, "quantisation")
    if revision:
        _require(_REVISION, revision, "revision")
    if file:
        _require(_FILE, file, "file")
        if any(part in ("", ".", "..") for part in rest):
            raise RefError(f"{file!r} is not a file's path.")
    return HuggingFaceRef(user, repo, quantisation, file, revision)


def _ollama_ref(text: str) -> OllamaRef:
    text, at, digest = text.partition("@sha256:")
    if at and not _DIGEST.match(digest):
        raise RefError("A digest is written @sha256: and 64 hexadecimal digits.")
    path, _, tag = text.partition(":")
    namespace, slash, model = path.rpartition("/")
    if slash and "/" in namespace:
        raise RefError("An Ollama model is named [namespace/]model[:tag].")
    namespace, tag = namespace or LIBRARY, tag or LATEST
    _require(_OLLAMA_NAMESPACE, namespace, "namespace")
    _require(_OLLAMA_PART, model, "model")
    _require(_TAG, tag, "tag")
    return OllamaRef(model, namespace, tag, digest)


def _require(pattern: re.Pattern[str], value: str, what: str) -> None:
    if not pattern.match(value):
        raise RefError(f"{value!r} is not a valid {what}: use letters, digits, “.”, “_” and “-”.")
