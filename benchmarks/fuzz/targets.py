"""What is fuzzed: each target takes bytes, and raises only where something is wrong.

Refusing is right: the errors of each room are its answers. Any other
exception, a promise that does not hold, a hang or growing memory is a find.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import yaml
from django.http import QueryDict

from benchmarks.fuzz.documents import ANSWERED, CONFIGURED, Draw, document
from inference import gguf, refs
from inference.api import errors as runtime_errors
from inference.api import fields, media, ollama_chat, ollama_generate, options
from inference.api.errors import ApiError
from inference.errors import InferenceError
from wizard import forms
from wizard.demo import asking, ollama_fields, openai_fields
from wizard.demo.errors import DemoError
from wizard.demo.passing import Events, Ndjson, Renamer
from wizard.demo.values import Dialect, Kind, Limits, Offer, Upstream, Work
from wizard.planning import ChoiceError
from wizard.registry import config_json, gguf_header, ollama_pages, pasted
from wizard.registry.errors import RegistryError
from wizard.registry.values import Format, ModelFile, ModelRef, Source, Variant
from wizard.sdl.errors import SdlError
from wizard.sdl.text import check_text
from wizard.sdl.values import Secrets
from wizard.sdl.writer import to_yaml
from wizard.sizing import estimate
from wizard.sizing.values import EngineFamily, Workload
from wizard.views.addresses import model_address, named_ref
from wizard.views.failures import UnservableError
from wizard.views.files import comments_for, sdl_for
from wizard.views.situation import plan_for

LIMITS = Limits()
_REFS = (
    ModelRef(Source.OLLAMA, "library", "llama3.1", "8b"),
    ModelRef(Source.HUGGING_FACE, "Qwen", "Qwen3-8B-GGUF"),
    ModelRef(Source.HUGGING_FACE, "Qwen", "Qwen3-8B"),
)
# Families whose layers are not all alike, each read in its own way.
_FAMILIES = tuple(
    {"model_type": name}
    for name in (
        *("llama", "llama4_text", "gemma3n_text", "gemma4_text", "mixtral", "granite_swa"),
        *("deepseek_v3", "deepseek_v4", "minimax_m3", "longcat_flash", "kimi_linear"),
        *("qwen3_next", "nemotron_h", "nemotron-nas", "jamba", "mamba2", "falcon_h1", "zamba2"),
        *("qwen2_5_omni", "qwen3_vl", "internvl_chat", "muse_glimmer", "bert"),
    )
)
_CONFIG: dict[str, Any] = {
    "num_hidden_layers": 4,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
}
_WEIGHTS = Variant("bf16", Format.SAFETENSORS, "BF16", (ModelFile("a.safetensors", 2**30),))
_ON_VLLM = Workload(2048, slots=4, family=EngineFamily.VLLM, gpus=2)
_SECRETS = Secrets(api_key_sha256="0" * 64, api_key="ocl_key")
_UPSTREAMS = tuple(
    Upstream("u", "http://127.0.0.1:9", kind, (Offer("tiny", "upstream-model"),)) for kind in Kind
)
_CHAT: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}
_WORKS = (
    ollama_fields.chat(_CHAT, LIMITS),
    ollama_fields.generate({"model": "tiny", "prompt": "Hi"}, LIMITS),
    ollama_fields.generate({"model": "tiny", "prompt": "Hi", "raw": True}, LIMITS),
    openai_fields.chat({**_CHAT, "stream_options": {"include_usage": True}}, LIMITS),
    openai_fields.completion({"model": "tiny", "prompt": "Hi", "echo": True}, LIMITS),
)
# Every question to every kind of upstream, and how a line of that one's stream begins.
_QUESTIONS = tuple(
    (asking.question(work, upstream), b"" if upstream.speaks(Dialect.OLLAMA) else b"data: ")
    for work in _WORKS
    for upstream in _UPSTREAMS
)


def gguf_remote(data: bytes) -> None:
    """The header reader of the wizard, to the architecture and to the end."""
    for whole in (False, True):
        with suppress(RegistryError):
            header = gguf_header.read(lambda start, stop: data[start:stop], len(data), whole=whole)
            _ = (header.quantisation, header.chat_template)
            header.tensor_sizes()
            header.architecture()


def gguf_local(data: bytes) -> None:
    """The header reader of the runtime, on a file."""
    path = _scratch()
    path.write_bytes(data)
    with suppress(InferenceError):
        header = gguf.read(path, arrays=True)
        _ = (header.parameters, header.quantisation, header.context_length)
        gguf.check(path)


def config(data: bytes) -> None:
    """A model's config.json, to what vLLM would take for it."""
    draw = Draw(data)
    family = _FAMILIES[draw.byte() % len(_FAMILIES)]
    with suppress(RegistryError):
        found = config_json.architecture({**_CONFIG, **family, **document(draw, CONFIGURED)})
        needed = estimate(found, _WEIGHTS, _ON_VLLM)
        _require(needed.total > 0, f"{found} takes nothing")


def names(data: bytes) -> None:
    """Model names: what is read means the same when written and read again, and leads nowhere."""
    text = data.decode("utf-8", "replace")
    pasted.link_problem(text)
    found = list(pasted.candidates(text))
    with suppress(refs.RefError):
        found.append(refs.parse(text))
    for ref in found:
        _check_name(ref)


def addresses(data: bytes) -> None:
    """The parts of a page's address, as the router hands them over."""
    first, _, second = data.decode("utf-8", "replace").partition("/")
    for named in ({"user": first, "repo": second}, {"namespace": first, "name": second}):
        with suppress(RegistryError):
            address = model_address(named_ref(**named))
            _require(address.startswith("/models/") and "//" not in address, address)
            _require(not urlsplit(address).netloc, address)


def ollama_html(data: bytes) -> None:
    """The Ollama library's pages."""
    html = data.decode("utf-8", "replace")
    for read in (ollama_pages.read_listing, ollama_pages.read_tags):
        with suppress(RegistryError):
            read(html)


def query_to_sdl(data: bytes) -> None:
    """A query string to choices, plan and file; the file says what was asked for."""
    draw = Draw(data)
    ref = _REFS[draw.byte() % len(_REFS)]
    query = QueryDict(draw.rest().decode("latin-1"))
    with suppress(ChoiceError, RegistryError, SdlError, UnservableError):
        found = plan_for(ref, query)
        again = forms.read_choices(QueryDict(forms.to_query(found.choices)))
        _require(again == found.choices, f"{found.choices} is written as {again}")
        built = sdl_for(found.plan, _SECRETS)
        text = to_yaml(built, comments_for(found.plan, "ocl_key"))
        _require(yaml.safe_load(text) == built, "the file reads otherwise than it was built")
        _read, problems = check_text(text)
        _require(not [item for item in problems if item.is_error], f"refused: {problems}")


def pasted_sdl(data: bytes) -> None:
    """A pasted file, read and held against every rule."""
    _document, problems = check_text(data.decode("utf-8", "replace"))
    for problem in problems:
        _require(bool(problem.sentence), "a problem without a sentence")


def runtime_requests(data: bytes) -> None:
    """Both dialects of the runtime, up to what its engine is sent."""
    draw = Draw(data)
    asked = document(draw)
    for read in (_ollama_chat, _ollama_generate, _openai):
        with suppress(ApiError):
            read(asked)


def demo_requests(data: bytes) -> None:
    """Both dialects of the demo, and their translation for each kind of upstream."""
    asked = document(Draw(data))
    for read in (
        ollama_fields.chat,
        ollama_fields.generate,
        openai_fields.chat,
        openai_fields.completion,
    ):
        with suppress(DemoError):
            work = read({"model": "tiny", **asked}, LIMITS)
            _require(int(_length(work)) <= LIMITS.max_tokens, "longer than the limit")
            _ask_all(work)


def demo_streams(data: bytes) -> None:
    """What an upstream streams, cut anywhere."""
    draw = Draw(data)
    cut = draw.byte()
    stream = draw.rest()
    for reader in (
        Ndjson(Renamer("upstream-model", "tiny")),
        Events(Renamer("upstream-model", "tiny"), tells_usage=False),
    ):
        with suppress(DemoError):
            reader.feed(stream[:cut])
            reader.feed(stream[cut:])
            reader.close()
        _require(reader.tokens >= 0, "fewer tokens than none")


def demo_answers(data: bytes) -> None:
    """What an upstream answers, as a whole and in a stream cut anywhere, told in both dialects."""
    draw = Draw(data)
    cut = draw.byte()
    parts = [document(draw, ANSWERED) for _ in range(1 + draw.byte() % 4)]
    for asked, mark in _QUESTIONS:
        with suppress(DemoError):
            told, tokens = asked.whole(parts[0])
            _require(bool(orjson.dumps(told)) and tokens >= 0, "fewer tokens than none")
        stream = asked.stream()
        with suppress(DemoError):
            sent = b"".join(mark + orjson.dumps(part) + b"\n" for part in parts)
            lines = stream.feed(sent[:cut]) + stream.feed(sent[cut:]) + stream.close()
            _check_lines(lines)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        gguf_remote,
        gguf_local,
        config,
        names,
        addresses,
        ollama_html,
        query_to_sdl,
        pasted_sdl,
        runtime_requests,
        demo_requests,
        demo_streams,
        demo_answers,
    )
}


class PromiseBroken(AssertionError):
    """Something came out that must not."""


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise PromiseBroken(what[:2000])


def _scratch() -> Path:
    memory = Path("/dev/shm")
    folder = memory if memory.is_dir() else Path(tempfile.gettempdir())
    return folder / f"oneclick-fuzz-{os.getpid()}.gguf"


def _check_name(ref: refs.Ref) -> None:
    _require(refs.parse(str(ref)) == ref, f"{ref!r} is written {ref}")
    path = ref.repo_id if isinstance(ref, refs.HuggingFaceRef) else f"{ref.namespace}/{ref.model}"
    _require(".." not in path.split("/") and path.count("/") == 1, path)
    link = f"https://registry.example/{quote(path)}/x"
    _require(urlsplit(link).hostname == "registry.example", link)
    _require(path.isascii() and path.isprintable() and " " not in path, path)


def _ollama_chat(asked: dict[str, Any]) -> None:
    options.for_engine(options.read(asked.get("options")), {}, 4096)
    fields.keep_alive(asked)
    fields.model_name(asked, required=False)
    converted = ollama_chat.messages(fields.typed(asked, "messages", list, []))
    body = ollama_chat.payload(
        converted,
        {},
        output_format=fields.output_format(asked),
        think=fields.think(asked),
        logprobs=fields.logprobs(asked),
        tools=fields.typed(asked, "tools", list, []),
    )
    _no_links(body["messages"])


def _ollama_generate(asked: dict[str, Any]) -> None:
    prompt = ollama_generate.read(asked)
    if prompt.images:
        _no_links(ollama_chat.user_content(prompt.text, prompt.images))


def _openai(asked: dict[str, Any]) -> None:
    media.check(asked)
    _no_links(asked.get("messages"))
    runtime_errors.document(ApiError(400, "x"), runtime_errors.dialect_of("/v1/messages"))


def _no_links(value: Any) -> None:
    """Nothing that an engine would fetch is left in what it is sent."""
    for part in _parts(value):
        if part.get("type") == "image_url":
            given = part.get("image_url")
            link = given.get("url") if isinstance(given, dict) else given
            _require(not str(link).lower().startswith(("http", "file:")), f"{link}")


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    items = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list):
        for item in items:
            yield from _parts(item)


def _check_lines(lines: bytes) -> None:
    """Each line is JSON, or an event of it."""
    for line in lines.split(b"\n"):
        if data := line.removeprefix(b"data: "):
            _require(data == b"[DONE]" or isinstance(orjson.loads(data), dict), repr(data))


def _length(work: Work) -> Any:
    return work.body.get("max_tokens", work.body.get("options", {}).get("num_predict", 0))


def _ask_all(work: Work) -> None:
    for upstream in _UPSTREAMS:
        with suppress(DemoError):
            asking.question(work, upstream)
