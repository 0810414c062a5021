"""The Hub's ``ModelInfo`` → the facts of our Model. All of it was typed by strangers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from huggingface_hub.hf_api import ModelInfo

from wizard.registry import config_json
from wizard.registry.config_quantisation import quant_method as quant_method_of
from wizard.registry.values import Gating, Model, ModelRef, Origin, Source

MAX_TAGS = 60
_DTYPES = {"F8_E4M3": "FP8", "F8_E5M2": "FP8"}
# Bytes a number takes in a file. The Hub counts packed numbers unpacked: 4 bits each and
# their scales, unless a tag says that they are of 8.
_NUMBER_BYTES = {"F64": 8.0, "F32": 4.0, "F8_E4M3": 1.0, "F8_E5M2": 1.0, "I8": 1.0}
_PACKED = ("I32", "U8")
_EMBEDDING_TASKS = {"feature-extraction", "sentence-similarity", "text-ranking"}
_VISION_TASKS = {"image-text-to-text", "any-to-any", "visual-question-answering", "image-to-text"}
_THINKS = ("<think>", "enable_thinking", "reasoning_content", "reasoning_effort", "<|channel|>")


def model(info: ModelInfo, ref: ModelRef | None = None) -> Model:
    """A Model without variants. ``ref`` gives the tag, file and revision asked for."""
    namespace, _, name = info.id.rpartition("/")
    template = chat_template(info)
    return Model(
        ref=ModelRef(
            Source.HUGGING_FACE,
            namespace,
            name,
            tag=ref.tag if ref else "",
            file=ref.file if ref else "",
            revision=ref.revision if ref else "",
        ),
        title=name,
        origin=Origin.LIVE,
        as_of=datetime.now(UTC),
        licence=_licence(info),
        gating=_gating(info),
        task=info.pipeline_tag or "",
        tags=tuple(str(tag)[:100] for tag in (info.tags or ())[:MAX_TAGS]),
        capabilities=_capabilities(info, template),
        parameters=parameters(info),
        context_length=_whole(_gguf(info).get("context_length")),
        downloads=info.downloads,
        likes=info.likes,
        updated=info.last_modified or info.created_at,
        base_model=_base_model(info),
        chat_template=None if template is None else bool(template),
        revision=info.sha or "",
        architecture_name=architecture_name(info),
        smallest_bytes=_stored_bytes(info),
    )


def parameters(info: ModelInfo) -> int | None:
    """Parameters. ``gguf.total`` counts them, too: it is no size in bytes."""
    counted = info.safetensors.total if info.safetensors else None
    return _whole(_gguf(info).get("total")) or _whole(counted)


def _stored_bytes(info: ModelInfo) -> int | None:
    """Bytes of the safetensors, by the types of their numbers; None where none are told."""
    counts = info.safetensors.parameters if info.safetensors and not _gguf(info) else {}
    packed = 1.0 if "8-bit" in (info.tags or ()) else 0.56
    each = _NUMBER_BYTES | dict.fromkeys(_PACKED, packed)
    found = sum((_whole(count) or 0) * each.get(kind, 2.0) for kind, count in counts.items())
    return round(found) or None


def architecture_name(info: ModelInfo) -> str:
    """GGUF's architecture, or the first class of config.json."""
    told = _gguf(info).get("architecture")
    if isinstance(told, str) and told:
        return told[:100]
    classes = config_json.hf_architectures(_config(info))
    return classes[0] if classes else ""


def classes(info: ModelInfo) -> tuple[str, ...]:
    """The classes that config.json names."""
    return config_json.hf_architectures(_config(info))


def quant_method(info: ModelInfo) -> str:
    """``quant_method`` of config.json, or an empty string."""
    return quant_method_of(_config(info))


def quantisation(info: ModelInfo) -> str:
    """What to call the safetensors: the method, or the type of most of the numbers."""
    counts = info.safetensors.parameters if info.safetensors else {}
    sane = {kind: count for kind, count in counts.items() if isinstance(count, int)}
    most = max(sane, key=lambda kind: sane[kind], default="")
    return config_json.quantisation_name(_config(info), _DTYPES.get(most, most)[:20])


def chat_template(info: ModelInfo) -> str | None:
    """The chat template's text, empty where there is none, None where it is not told."""
    gguf, config = _gguf(info), _config(info)
    tokenizer = config.get("tokenizer_config")
    inner = tokenizer.get("chat_template") if isinstance(tokenizer, Mapping) else None
    told = gguf.get("chat_template") or config.get("chat_template_jinja") or inner
    if isinstance(told, str | list | Mapping):
        return str(told)
    files = [sibling.rfilename for sibling in info.siblings or ()]
    if any(file in ("chat_template.jinja", "chat_template.json") for file in files):
        return " "
    return "" if gguf or isinstance(tokenizer, Mapping) else None


def _gguf(info: ModelInfo) -> Mapping[str, Any]:
    return info.gguf if isinstance(info.gguf, Mapping) else {}


def _config(info: ModelInfo) -> Mapping[str, Any]:
    return info.config if isinstance(info.config, Mapping) else {}


def _whole(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 50
    return value if is_count and isinstance(value, int) else None


def _gating(info: ModelInfo) -> Gating:
    if info.gated == "manual":
        return Gating.MANUAL
    return Gating.AUTO if info.gated else Gating.OPEN


def _licence(info: ModelInfo) -> str:
    """The card's licence; a licence called “other” has its own name beside it."""
    card = info.card_data
    told = card.get("license") if card else None
    if told in (None, "other") and card and card.get("license_name"):
        told = card.get("license_name")
    if isinstance(told, list):
        told = told[0] if told else None
    if not isinstance(told, str):
        tags = (tag for tag in info.tags or () if tag.startswith("license:"))
        told = next(tags, "").removeprefix("license:")
    return told[:100]


def _base_model(info: ModelInfo) -> str:
    told = info.card_data.get("base_model") if info.card_data else None
    if isinstance(told, list):
        told = told[0] if told else None
    if isinstance(told, str):
        return told[:200]
    for tag in info.tags or ():
        if tag.startswith("base_model:"):
            return tag.rpartition(":")[2][:200]
    return ""


def _capabilities(info: ModelInfo, template: str | None) -> frozenset[str]:
    found = set()
    if info.pipeline_tag in _EMBEDDING_TASKS:
        found.add("embedding")
    else:
        found.add("completion")
    if info.pipeline_tag in _VISION_TASKS or _has_projector(info):
        found.add("vision")
    if template and "tools" in template:
        found.add("tools")
    if template and any(sign in template for sign in _THINKS):
        found.add("thinking")
    return frozenset(found)


def _has_projector(info: ModelInfo) -> bool:
    return any("mmproj" in sibling.rfilename.lower() for sibling in info.siblings or ())
