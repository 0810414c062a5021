"""What a person pastes → the models that it can mean.

A link, a command line, Python that loads a model, a bare ``user/model``: each is
brought to the grammar of ``inference.refs``, which is what ``MODEL=`` takes.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import parse_qs, quote, unquote, urlsplit

from inference.refs import (
    FILE_PAGES,
    HUB_HOSTS,
    HUB_PAGES,
    LIBRARY,
    OLLAMA_HOSTS,
    TAG,
    HuggingFaceRef,
    OllamaRef,
    Ref,
    RefError,
    checked,
    hub_ref,
    ollama_ref,
)

_HUB_COMMANDS = {
    ("vllm", "serve"),
    ("hf", "download"),
    ("huggingface-cli", "download"),
    ("git", "clone"),
}
_REPO_FLAGS = ("-hf", "-hfr", "--hf-repo", "--model", "-m", "--model-path", "--model-id")
_FILE_FLAGS = ("-hff", "--hf-file")
_FROM_PRETRAINED = re.compile(r"from_pretrained\(\s*[\"']([^\"'\s]{3,200})[\"']")
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
        found += _tried(hub_ref, text)
    found += _tried(ollama_ref, text)
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
    return _bare(_without_command(_bare(checked(text))))


def _is_link(text: str) -> bool:
    return "://" in text or text.partition("/")[0].lower() in (*HUB_HOSTS, *OLLAMA_HOSTS)


def _tried(read: Callable[[str], Ref], text: str) -> list[Ref]:
    try:
        return [read(text)]
    except RefError:
        return []


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
    if len(parts) < 2 or HUB_PAGES.match(parts[0]):
        raise RefError("This page of Hugging Face is no model's.")
    repo, page, rest = parts[1].removesuffix(".git"), parts[2:3], parts[3:]
    named = "/".join((parts[0], repo))
    if shown_file.endswith((".gguf", ".safetensors")):
        return hub_ref(f"{named}/{shown_file}")
    if page and page[0] not in (*FILE_PAGES, "tree"):
        file = "/".join(parts[2:])
        return hub_ref(f"{named}/{file}" if file.endswith((".gguf", ".safetensors")) else named)
    revision = "" if rest[:1] in ([], ["main"]) else f"@{quote(rest[0], safe='')}"
    inside = "/".join(rest[1:])
    if inside.endswith((".gguf", ".safetensors")):
        return hub_ref(f"{named}{revision}/{inside}")
    folder = f":{rest[-1]}" if page == ["tree"] and inside and TAG.match(rest[-1]) else ""
    return hub_ref(f"{named}{revision}{folder}")


def _from_ollama_page(parts: list[str]) -> OllamaRef:
    """A model's page, or one below it (``/tags``, ``/blobs/…``)."""
    if parts[:1] == ["v2"]:
        parts = parts[1:]
    if parts[2:3] == ["manifests"]:
        return ollama_ref(f"{parts[0]}/{parts[1]}:{'/'.join(parts[3:])}")
    if not parts or _OLLAMA_PAGES.match(parts[0]) or parts == [LIBRARY]:
        raise RefError("This page of Ollama is no model's.")
    return ollama_ref("/".join(parts[:2]))
