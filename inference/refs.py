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
from urllib.parse import parse_qs, quote, unquote, urlsplit

HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
OLLAMA_HOSTS = ("ollama.com", "www.ollama.com", "registry.ollama.ai")
LIBRARY = "library"
LATEST = "latest"
MAX_LENGTH = 512

_HUB_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?\Z")
_OLLAMA_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}\Z")
_OLLAMA_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}\Z")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,119}\Z")
_FILE = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.+=@,() /-]{0,398}[A-Za-z0-9_.+=@,()/-])?\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_HUB_COMMANDS = {
    ("vllm", "serve"),
    ("hf", "download"),
    ("huggingface-cli", "download"),
    ("git", "clone"),
}
_REPO_FLAGS = ("-hf", "-hfr", "--hf-repo", "--model", "-m", "--model-path", "--model-id")
_FILE_FLAGS = ("-hff", "--hf-file")
_FROM_PRETRAINED = re.compile(r"from_pretrained\(\s*[\"']([^\"'\s]{3,200})[\"']")
_FILE_PAGES = ("blob", "resolve", "raw")
_HUB_PAGES = re.compile(
    r"(?:api|blog|chat|collections|datasets|docs|enterprise|join|learn"
    r"|login|models|new|organizations|papers|posts|pricing|settings|spaces|tasks)\Z",
    re.IGNORECASE,
)
_HUB_KINDS = {
    "collections": "a collection",
    "datasets": "a dataset",
    "papers": "a paper",
    "spaces": "a Space",
}
_OLLAMA_PAGES = re.compile(
    r"(?:account|api|blog|cloud|connect|download|docs|models"
    r"|pricing|privacy|public|search|settings|signin|signup|terms|turbo)\Z",
    re.IGNORECASE,
)


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
        if self.file and not revision and self.file.split("/")[0] in _FILE_PAGES:
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
    text = _checked(text)
    if "://" in text:
        raise RefError(f"{text!r} is a link: write it like hf.co/user/repo:Q4_K_M.")
    host, slash, rest = text.partition("/")
    if host.lower() in HUB_HOSTS:
        return _hub_ref(rest)
    if slash and host.lower() in OLLAMA_HOSTS:
        return _ollama_ref(rest)
    return _ollama_ref(text)


def candidates(text: str) -> tuple[Ref, ...]:
    """Every model that a pasted text can mean, the likeliest first.

    An empty tuple means that the text is no name, and is to be searched for.
    A bare ``user/model`` may live in both registries: both are answered.
    """
    try:
        text = _pasted(text)
        if _is_link(text):
            return (_from_link(text),)
    except ValueError:
        return ()
    found: list[Ref] = []
    if "/" in text:
        found += _tried(_hub_ref, text)
    found += _tried(_ollama_ref, text)
    return tuple(found)


def link_problem(text: str) -> str:
    """Why a pasted link leads to no model, in a sentence; empty for anything else."""
    try:
        text = _pasted(text)
    except RefError:
        return ""
    try:
        if _is_link(text):
            _from_link(text)
    except RefError as error:
        return str(error)
    except ValueError:
        return "This link cannot be read."
    return ""


def _pasted(text: str) -> str:
    return _bare(_without_command(_bare(_checked(text))))


def _is_link(text: str) -> bool:
    return "://" in text or text.partition("/")[0].lower() in (*HUB_HOSTS, *OLLAMA_HOSTS)


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


def _bare(text: str) -> str:
    """Without the quotes, brackets and prompt signs that come along when copying."""
    text = text.strip(" `<>“”‘’,;").removeprefix("$ ").removeprefix("sudo ").strip()
    is_quoted = len(text) > 1 and text[0] in "\"'" and text[0] == text[-1]
    return text[1:-1] if is_quoted else text


def _without_command(text: str) -> str:
    """``ollama run x`` → ``x``; ``llama-server -hf x`` → ``x``; Python that loads x → ``x``."""
    loaded = _FROM_PRETRAINED.search(text)
    if loaded:
        return f"hf.co/{loaded[1]}"
    try:
        words = shlex.split(text)
    except ValueError:
        return text
    if len(words) < 2:
        return text
    if words[0] == "ollama":
        return next((word for word in words[2:] if not word.startswith("-")), text)
    if (words[0], words[1]) in _HUB_COMMANDS:
        return _of_hub([word for word in words[2:] if not word.startswith("-")]) or text
    return _of_flags(words) or text


def _of_hub(words: list[str]) -> str:
    """The repository among a command's words, and the file that follows it."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if "://" in word:
            return word
        if "/" in word and not word.startswith(("/", ".")):
            file = f"/{following}" if following.endswith((".gguf", ".safetensors")) else ""
            return f"hf.co/{_without_host(word)}{file}"
    return ""


def _of_flags(words: list[str]) -> str:
    """What llama.cpp's and vLLM's flags name."""
    pairs = [pair for word in words for pair in [word.partition("=")] if word.startswith("-")]
    flags = {name: value for name, sign, value in pairs if sign}
    flags |= {flag: value for flag, value in pairwise(words) if flag.startswith("-")}
    repo = next((flags[flag] for flag in _REPO_FLAGS if "/" in flags.get(flag, "")), "")
    file = next((flags[flag] for flag in _FILE_FLAGS if flag in flags), "")
    if not repo:
        return ""
    if "://" in repo:
        return repo
    return f"hf.co/{_without_host(repo)}" + (f"/{file}" if file else "")


def _without_host(word: str) -> str:
    host, _, rest = word.partition("/")
    return rest if host.lower() in HUB_HOSTS else word


def _from_link(text: str) -> Ref:
    """Read the address of a model's page or file."""
    link = urlsplit(text if "://" in text else f"https://{text}")
    host = (link.hostname or "").lower()
    if link.scheme not in ("http", "https"):
        raise RefError("Only https links of a model can be read.")
    if not host:
        raise RefError("This link names no site.")
    parts = [unquote(part) for part in link.path.split("/") if part]
    if host in HUB_HOSTS:
        return _from_hub_page(parts, parse_qs(link.query).get("show_file_info", [""])[0])
    if host in OLLAMA_HOSTS:
        return _from_ollama_page(parts)
    raise RefError(f"{host} is neither Hugging Face nor the Ollama registry.")


def _from_hub_page(parts: list[str], shown_file: str) -> HuggingFaceRef:
    """A repository's page, a folder or file in it, or an API's address of it.

    A file that is no weights (a README) stands for its repository; a folder
    for the quantisation that such folders are named by.
    """
    if parts[:2] == ["api", "models"]:
        parts = parts[2:]
    if parts and parts[0].lower() in _HUB_KINDS:
        raise RefError(f"This link is {_HUB_KINDS[parts[0].lower()]} on Hugging Face, not a model.")
    if len(parts) < 2 or _HUB_PAGES.match(parts[0]):
        raise RefError("This page of Hugging Face is no model's.")
    repo, page, rest = parts[1].removesuffix(".git"), parts[2:3], parts[3:]
    named = "/".join((parts[0], repo))
    if shown_file.endswith((".gguf", ".safetensors")):
        return _hub_ref(f"{named}/{shown_file}")
    if page and page[0] not in (*_FILE_PAGES, "tree"):
        file = "/".join(parts[2:])
        return _hub_ref(f"{named}/{file}" if file.endswith((".gguf", ".safetensors")) else named)
    revision = "" if rest[:1] in ([], ["main"]) else f"@{quote(rest[0], safe='')}"
    inside = "/".join(rest[1:])
    if inside.endswith((".gguf", ".safetensors")):
        return _hub_ref(f"{named}{revision}/{inside}")
    folder = f":{rest[-1]}" if page == ["tree"] and inside and _TAG.match(rest[-1]) else ""
    return _hub_ref(f"{named}{revision}{folder}")


def _from_ollama_page(parts: list[str]) -> OllamaRef:
    """A model's page, or one below it (``/tags``, ``/blobs/…``)."""
    if parts[:1] == ["v2"]:
        parts = parts[1:]
    if parts[2:3] == ["manifests"]:
        return _ollama_ref(f"{parts[0]}/{parts[1]}:{'/'.join(parts[3:])}")
    if not parts or _OLLAMA_PAGES.match(parts[0]) or parts == [LIBRARY]:
        raise RefError("This page of Ollama is no model's.")
    return _ollama_ref("/".join(parts[:2]))


def _hub_ref(path: str) -> HuggingFaceRef:
    """Read ``user/repo[@revision][:quantisation]`` or ``user/repo[@revision]/file``."""
    parts = path.strip("/").split("/")
    if len(parts) < 2:
        raise RefError("A Hugging Face model is named hf.co/user/repo.")
    user, rest = parts[0], parts[2:]
    repo, colon, quantisation = parts[1].partition(":")
    repo, at, revision = repo.partition("@")
    if not at and len(rest) >= 2 and rest[0] in _FILE_PAGES:
        revision, rest = ("" if rest[1] == "main" else rest[1]), rest[2:]
    revision, file = unquote(revision), "/".join(rest)
    _require_repo(user, repo)
    if colon and file:
        raise RefError("Name a quantisation or a file, not both.")
    if colon:
        _require(_TAG, quantisation, "quantisation")
    if at or revision:
        _require_revision(revision)
    if file:
        _require_file(file)
    return HuggingFaceRef(user, repo, quantisation, file, "" if revision == "main" else revision)


def _require_repo(user: str, repo: str) -> None:
    if _HUB_PAGES.match(user):
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


def _ollama_ref(text: str) -> OllamaRef:
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
        _require(_TAG, tag, "tag")
    return OllamaRef(model, namespace, tag or LATEST, digest)


def _require(pattern: re.Pattern[str], value: str, what: str) -> None:
    if not pattern.match(value):
        raise RefError(f"{value!r} is not a valid {what}: use letters, digits, “.”, “_” and “-”.")
