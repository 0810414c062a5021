"""``manage.py estimate``: what a model needs in memory, buffer by buffer."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wizard.registry import config_json, header_document, lookup
from wizard.registry.errors import RegistryError, UnreadableHeader
from wizard.registry.values import Architecture, Format, ModelFile, Variant
from wizard.sizing import estimate
from wizard.sizing.buffers import Buffers, buffers
from wizard.sizing.values import EngineFamily, KvType, MemoryEstimate, Workload

LARGEST = 1 << 32
_USUAL_CONTEXT = 4096


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 0 < number <= LARGEST:
        raise ArgumentTypeError(f"{text!r} is no whole number from 1 to {LARGEST:,}")
    return number


class Command(BaseCommand):
    help = "Estimate a model's memory, each buffer in bytes, from its header or config alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ref", nargs="?", help="such as llama3.1:8b or hf.co/user/repo:Q4_K_M")
        parser.add_argument("--header", type=Path, help="a GGUF file, or a JSON document of one")
        parser.add_argument("--config", type=Path, help="a config.json, for vLLM")
        parser.add_argument("--file-bytes", type=_positive, help="bytes of the weight files")
        parser.add_argument("--context", type=_positive, help="tokens, like --ctx-size")
        parser.add_argument("--slots", type=_positive, default=4, help="requests at a time")
        parser.add_argument("--kv", default="f16", choices=[kv.value for kv in KvType])
        parser.add_argument("--backend", default="cuda", choices=("cuda", "cpu"))
        parser.add_argument("--ubatch", type=_positive, default=512)
        parser.add_argument("--flash-attention", default="on", choices=("on", "off"))
        parser.add_argument("--gpus", type=_positive, default=1)
        parser.add_argument("--tensor-parallel", type=_positive, default=1)
        parser.add_argument("--json", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            architecture, variant = _model(options)
        except RegistryError as error:
            raise CommandError(f"{error} {error.next_step}") from error
        workload = _workload(architecture, variant, options)
        found = estimate(architecture, variant, workload)
        split = buffers(architecture, variant, workload)
        self.stdout.write(_as_json(split, found) if options["json"] else _as_text(split, found))


def _model(options: dict[str, Any]) -> tuple[Architecture, Variant]:
    given = [name for name in ("ref", "header", "config") if options[name]]
    if len(given) != 1:
        raise CommandError("Give one of: a model's name, --header FILE, --config FILE.")
    if options["header"]:
        return _from_header(options["header"], options["file_bytes"])
    if options["config"]:
        return _from_config(options["config"], options["file_bytes"])
    return _from_registry(options["ref"])


def _from_header(path: Path, file_bytes: int | None) -> tuple[Architecture, Variant]:
    found = header_document.read(path)
    name = found.header.quantisation
    files = (ModelFile(path.name, file_bytes or found.file_bytes),)
    return found.header.architecture(), Variant(name, Format.GGUF, name, files)


def _from_config(path: Path, file_bytes: int | None) -> tuple[Architecture, Variant]:
    if not file_bytes:
        raise CommandError("--config needs --file-bytes, the bytes of the weight files together.")
    try:
        config = header_document.load_json(path)
    except OSError as error:
        raise UnreadableHeader(f"{path} cannot be read: {error.strerror or error}.") from error
    architecture = config_json.architecture(config)
    name = config_json.quantisation_name(config, architecture.dtype)
    return architecture, Variant(name, Format.SAFETENSORS, name, (ModelFile("", file_bytes),))


def _from_registry(text: str) -> tuple[Architecture, Variant]:
    found = lookup.resolve(text)
    if not found:
        raise CommandError(f"{text!r} names no model. Write llama3.1:8b or hf.co/user/repo:Q4_K_M.")
    model = lookup.find(found[0])
    variant = lookup.variant_for(model, found[0])
    return lookup.architecture(model, variant), variant


def _workload(architecture: Architecture, variant: Variant, options: dict[str, Any]) -> Workload:
    is_vllm = variant.format is Format.SAFETENSORS
    if is_vllm and options["backend"] == "cpu":
        raise CommandError("vLLM is estimated for --backend cuda only.")
    gpus = options["tensor_parallel"] if is_vllm else options["gpus"]
    return Workload(
        context_length=options["context"] or min(_USUAL_CONTEXT, architecture.context_length),
        slots=options["slots"],
        kv_type=KvType(options["kv"]),
        family=EngineFamily.VLLM if is_vllm else EngineFamily.LLAMA_CPP,
        gpus=0 if options["backend"] == "cpu" else gpus,
        ubatch=options["ubatch"],
        flash_attention=options["flash_attention"] == "on",
        unified_kv=True,
    )


def _as_json(split: Buffers, found: MemoryEstimate) -> str:
    return json.dumps(
        {
            **split.document(),
            "is_exact": found.exact,
            "parts": [
                {"name": part.name, "bytes": part.size, "formula": part.formula}
                for part in found.parts
            ],
        },
        indent=2,
    )


def _as_text(split: Buffers, found: MemoryEstimate) -> str:
    words = {part.name: part.formula for part in found.parts}
    rows = [
        f"{name:<16}{size:>20,}  {words.get(name, '')}".rstrip()
        for name, size in split.document().items()
    ]
    return "\n".join(["bytes", *rows])
