"""``manage.py estimate``: what a model needs in memory, buffer by buffer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wizard.hardware import rules
from wizard.hardware.gpus import bundled
from wizard.hardware.values import Gpu
from wizard.hardware.workloads import on_gpu
from wizard.management.argument_types import LARGEST_COUNT, context, kv_types, layers, up_to
from wizard.registry import config_json, config_quantisation, header_document, lookup
from wizard.registry.errors import RegistryError, UnreadableHeader
from wizard.registry.values import Architecture, Format, ModelFile, Variant
from wizard.sizing import cache_types, estimate, is_packed_otherwise, kv_bytes_per_token
from wizard.sizing.buffers import buffers
from wizard.sizing.card import CardAnswer, on_card
from wizard.sizing.drafting import DRAFTED
from wizard.sizing.values import EngineFamily, KvType, MemoryEstimate, Workload

LARGEST = 1 << 48
_LARGEST_CARDS = 1024
_USUAL_CONTEXT = 4096
# llama-server's own default, which shares one cache (``--parallel -1``).
_USUAL_SLOTS = 4
# ``LLAMA_MAX_SEQ`` and ``GGML_CUDA_MAX_DEVICES``; numbers of cards up to that are
# named where another cannot be used.
_MOST_SEQUENCES, _MOST_CARDS = 256, 16


class Command(BaseCommand):
    help = (
        "Estimate a model's memory, each buffer in bytes, from its header or config alone. "
        "--context is the whole cache, like llama-server's --ctx-size, which --slots share; "
        "with --no-kv-unified each slot has that much of its own. Under vLLM it is one "
        "sequence's --max-model-len, and the bytes are those of each card."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        count, size = up_to(LARGEST_COUNT), up_to(LARGEST)
        parser.add_argument("ref", nargs="?", help="such as llama3.1:8b or hf.co/user/repo:Q4_K_M")
        parser.add_argument("--header", type=Path, help="a GGUF file, or a JSON document of one")
        parser.add_argument("--config", type=Path, help="a config.json, for vLLM")
        parser.add_argument("--file-bytes", type=size, help="bytes of the weight files together")
        parser.add_argument("--projector-bytes", type=size, help="bytes of the vision projector")
        parser.add_argument("--lora-bytes", type=size, default=0, help="bytes of LoRA adapters")
        parser.add_argument(
            "--context",
            type=context,
            help=f"tokens, {_USUAL_CONTEXT:,} by default; 0 for all that the model reads",
        )
        parser.add_argument("--slots", type=count, default=_USUAL_SLOTS, help="requests at a time")
        parser.add_argument("--no-kv-unified", action="store_true", help="a cache for each slot")
        parser.add_argument(
            "--kv",
            type=kv_types,
            default=(KvType.F16, KvType.F16),
            help="type of the KV cache, or of keys and of values: q8_0, q8_0/q4_0",
        )
        parser.add_argument("--backend", default="cuda", choices=("cuda", "cpu"))
        parser.add_argument("--ubatch", type=count, default=512, help="tokens a step")
        parser.add_argument("--flash-attention", default="auto", choices=("auto", "on", "off"))
        parser.add_argument(
            "--embeddings",
            action="store_true",
            help="the output of every token; under vLLM, --runner pooling",
        )
        parser.add_argument("--cpu-moe", action="store_true", help="leave experts in RAM")
        parser.add_argument(
            "--n-cpu-moe", type=layers, default=0, help="leave those of the first layers there"
        )
        parser.add_argument(
            "--spec-type",
            default="none",
            choices=("none", "draft-mtp"),
            help="let the model's own prediction layers draft; llama.cpp's own",
        )
        parser.add_argument(
            "--spec-draft-n-max", type=count, default=DRAFTED, help="tokens a draft"
        )
        parser.add_argument("--swa-full", action="store_true", help="no shorter cache for windows")
        parser.add_argument(
            "--gpu-layers",
            type=layers,
            help="so many of the last layers on cards, the output as the first; llama.cpp's own",
        )
        parser.add_argument("--gpus", type=up_to(_LARGEST_CARDS), default=1, help="for llama.cpp")
        parser.add_argument(
            "--tensor-parallel", type=up_to(_LARGEST_CARDS), default=1, help="for vLLM"
        )
        parser.add_argument(
            "--max-num-seqs", type=count, default=0, help="vLLM's requests at a time"
        )
        parser.add_argument("--card", help="what a card holds and how fast: rtx3090, a100:80Gi")
        parser.add_argument("--json", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            architecture, variant = _model(options)
        except RegistryError as error:
            raise CommandError(f"{error} {_next_step(error, options)}") from error
        card = _gpu(options["card"])
        workload = _workload(architecture, variant, options)
        if card and workload.gpus:
            workload = on_gpu(workload, card, workload.gpus)
        found = estimate(architecture, variant, workload)
        is_vllm = workload.family is EngineFamily.VLLM
        alike = max(1, workload.gpus) if is_vllm else 1
        split = buffers(found, on_gpu=workload.gpus > 0, alike=alike)
        per_token = kv_bytes_per_token(architecture, workload)
        answer = _answer(architecture, variant, workload, card)
        write = _as_json if options["json"] else _as_text
        rows = {**split.document(), "kv_bytes_per_token": per_token}
        self.stdout.write(write(rows, found, answer))


def _next_step(error: RegistryError, options: dict[str, Any]) -> str:
    """What to do about a failure: a file at hand is corrected rather than exchanged."""
    is_usual = error.next_step == type(error).default_next_step
    if is_usual and (options["header"] or options["config"]):
        return "Correct the file: docs/estimate.md tells what it is to hold."
    return error.next_step


def _model(options: dict[str, Any]) -> tuple[Architecture, Variant]:
    given = [name for name in ("ref", "header", "config") if options[name]]
    if len(given) != 1:
        raise CommandError("Give one of: a model's name, --header FILE, --config FILE.")
    if options["header"]:
        found = _from_header(options["header"], options["file_bytes"])
    elif options["config"]:
        found = _from_config(options["config"], options["file_bytes"])
    else:
        found = _from_registry(options["ref"])
    if options["projector_bytes"]:
        projector = ModelFile("", options["projector_bytes"])
        return found[0], replace(found[1], projector=projector)
    return found


def _from_header(path: Path, file_bytes: int | None) -> tuple[Architecture, Variant]:
    found = header_document.read(path, file_bytes)
    if found.is_cut and not file_bytes:
        raise CommandError(f"{path} ends within its header. Give --file-bytes, the whole model's.")
    header, name = found.header, found.header.quantisation
    files = (ModelFile(path.name, file_bytes or found.file_bytes),)
    tokenizer = str(header.keys.get("tokenizer.ggml.model", ""))
    tensors = header.tensor_sizes()
    variant = Variant(name, Format.GGUF, name, files, tensors=tensors, tokenizer=tokenizer)
    return header.architecture(), variant


def _from_config(path: Path, file_bytes: int | None) -> tuple[Architecture, Variant]:
    if not file_bytes:
        raise CommandError("--config needs --file-bytes, the bytes of the weight files together.")
    beside = path.with_name(config_quantisation.SEPARATE)
    try:
        config = header_document.load_json(path)
        told = header_document.load_json(beside) if beside.is_file() else {}
    except OSError as error:
        raise UnreadableHeader(f"{path} cannot be read: {error.strerror or error}.") from error
    config = config_quantisation.with_separate(config, told)
    architecture = config_json.architecture(config)
    name = config_json.quantisation_name(config, architecture.dtype)
    return architecture, Variant(name, Format.SAFETENSORS, name, (ModelFile("", file_bytes),))


def _from_registry(text: str) -> tuple[Architecture, Variant]:
    found = lookup.resolve(text)
    if not found:
        raise CommandError(f"{text!r} names no model. Write llama3.1:8b or hf.co/user/repo:Q4_K_M.")
    model = lookup.find(found[0])
    variant = lookup.variant_for(model, found[0])
    architecture = lookup.architecture(model, variant)
    if is_packed_otherwise(architecture, variant):
        variant = lookup.with_tensors(model, variant)
    return architecture, variant


def _workload(architecture: Architecture, variant: Variant, options: dict[str, Any]) -> Workload:
    (keys, values), is_vllm = options["kv"], variant.format is Format.SAFETENSORS
    if is_vllm:
        _check_vllm(options)
        _check_division(architecture, options["tensor_parallel"])
    else:
        _check_llama_cpp(options)
    gpus = options["tensor_parallel"] if is_vllm else options["gpus"]
    asked, trained = options["context"], architecture.context_length
    usual = min(_USUAL_CONTEXT, trained) if asked is None else trained
    workload = Workload(
        context_length=asked or usual,
        slots=options["slots"],
        kv_type=keys,
        v_type=values,
        family=EngineFamily.VLLM if is_vllm else EngineFamily.LLAMA_CPP,
        gpus=0 if options["backend"] == "cpu" else gpus,
        ubatch=options["ubatch"],
        flash_attention=options["flash_attention"] != "off",
        auto_flash_attention=options["flash_attention"] == "auto",
        unified_kv=not options["no_kv_unified"],
        adapter_bytes=options["lora_bytes"],
        experts_on_host=options["cpu_moe"] or options["n_cpu_moe"] != 0,
        expert_layers=None if options["cpu_moe"] else options["n_cpu_moe"],
        swa_full=options["swa_full"],
        embeds=options["embeddings"],
        gpu_layers=options["gpu_layers"],
        sequences=options["max_num_seqs"],
        drafts=0 if options["spec_type"] == "none" else options["spec_draft_n_max"],
    )
    if workload.drafts and not architecture.nextn_layers:
        raise CommandError("The model has no layers that draft. Leave --spec-type out.")
    refused = "" if is_vllm else cache_types.refusal(architecture, workload)
    if refused:
        raise CommandError(refused)
    return workload


def _check_vllm(options: dict[str, Any]) -> None:
    if options["backend"] == "cpu":
        raise CommandError("vLLM is estimated for --backend cuda only.")
    if options["cpu_moe"] or options["n_cpu_moe"] != 0:
        raise CommandError("--cpu-moe is llama.cpp's: vLLM keeps all experts on the cards.")
    if options["spec_type"] != "none":
        raise CommandError("--spec-type is llama.cpp's: vLLM's drafts are not estimated.")
    if options["swa_full"]:
        raise CommandError("--swa-full is llama.cpp's: vLLM's layers that slide share its pool.")
    if options["gpu_layers"] is not None:
        raise CommandError("--gpu-layers is llama.cpp's: vLLM keeps all layers on the cards.")
    if options["gpus"] != 1:
        raise CommandError("--gpus is llama.cpp's: vLLM divides a model by --tensor-parallel.")
    if options["lora_bytes"]:
        raise CommandError(
            "--lora-bytes is llama.cpp's: vLLM sets room aside for adapters by their rank, "
            "which is not estimated."
        )
    keys, values = options["kv"]
    if keys is not values:
        raise CommandError("vLLM keeps keys and values in one type. Choose f16, bf16 or fp8.")
    if keys not in (KvType.F16, KvType.BF16, KvType.FP8):
        raise CommandError(f"vLLM has no {keys.value} KV cache. Choose f16, bf16 or fp8.")


def _check_division(architecture: Architecture, cards: int) -> None:
    """Refuse numbers of cards that vLLM refuses."""
    if uneven := rules.indivisible(architecture, cards):
        even = (n for n in range(1, _MOST_CARDS + 1) if not rules.indivisible(architecture, n))
        counts = ", ".join(map(str, even))
        raise CommandError(f"{uneven} Choose --tensor-parallel of one of: {counts}.")


def _check_llama_cpp(options: dict[str, Any]) -> None:
    if options["tensor_parallel"] != 1:
        raise CommandError("--tensor-parallel is vLLM's: llama.cpp splits layers over --gpus.")
    if options["gpu_layers"] is not None and options["backend"] == "cpu":
        raise CommandError("--gpu-layers needs --backend cuda: leave one of them out.")
    if options["slots"] > _MOST_SEQUENCES:
        raise CommandError(f"llama.cpp runs at most {_MOST_SEQUENCES} requests at a time.")
    if options["gpus"] > _MOST_CARDS:
        raise CommandError(f"llama.cpp takes at most {_MOST_CARDS} cards: give fewer --gpus.")
    if KvType.FP8 in options["kv"]:
        raise CommandError("fp8 is vLLM's KV cache type. Choose f16, q8_0 or q4_0.")


def _gpu(name: str | None) -> Gpu | None:
    if not name:
        return None
    model, _, label = name.partition(":")
    cards = [card for card in bundled() if card.model == model and label in ("", card.ram_label)]
    if not cards:
        raise CommandError(f"No card is called {name!r}. Write it like rtx3090 or a100:80Gi.")
    return cards[0]


def _answer(
    architecture: Architecture, variant: Variant, workload: Workload, card: Gpu | None
) -> CardAnswer | None:
    if card is None:
        return None
    if not workload.gpus:
        raise CommandError("--card needs --backend cuda.")
    return on_card(
        architecture,
        variant,
        workload,
        usable_bytes=card.usable_bytes,
        bandwidth=card.bandwidth,
        usd_per_hour=card.usd_per_hour,
    )


def _as_json(split: dict[str, int], found: MemoryEstimate, card: CardAnswer | None) -> str:
    parts = [
        {"name": part.name, "bytes": part.size, "formula": part.formula} for part in found.parts
    ]
    document: dict[str, Any] = {
        **split,
        "largest_gpu": found.largest_gpu,
        "host_needed": found.host,
        "disk_needed": found.disk,
        "is_exact": found.exact,
        "parts": parts,
    }
    if card:
        document["card"] = card.document()
    return json.dumps(document, indent=2, ensure_ascii=False)


def _as_text(split: dict[str, int], found: MemoryEstimate, card: CardAnswer | None) -> str:
    words = {part.name: part.formula for part in found.parts}
    words["weights_gpu" if split["weights_gpu"] else "weights_host"] = words.pop("weights", "")
    sizes = {**split, "host_needed": found.host, "disk_needed": found.disk}
    rows = [
        f"{name:<20}{size:>20,}  {words.get(name, '')}".rstrip() for name, size in sizes.items()
    ]
    if not found.exact:
        rows.append("Rough: this model's shape, or how its file is packed, is not wholly known.")
    return "\n".join([*rows, *(card.sentences() if card else ())])
