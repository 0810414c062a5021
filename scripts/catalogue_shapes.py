"""Fill in what the bundled catalogue's shapes lack for vLLM: rotary tables, experts, encoders.

The lists that the catalogue was compiled from tell a model's layers and heads, and
little else. What vLLM takes beside follows from a config of the same model, or of its
family with this model's sizes: `tests/wizard/sizing/vllm_built.json` has 210 of them, and
``--configs`` names a JSON file with more, by name. What a record has stays as it is.
`manage.py refresh_catalogue` needs none of this: it reads every config itself.

    python -m scripts.catalogue_shapes --configs configs.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from wizard.registry import catalogue_store as store
from wizard.registry import config_json
from wizard.registry.errors import UnreadableHeader
from wizard.registry.values import Architecture

BUILT = Path(__file__).parents[1] / "tests" / "wizard" / "sizing" / "vllm_built.json"
ARCHITECTURES, REPOSITORIES = "architectures.json.gz", "huggingface.json.gz"
# What a model of the same shape has, and what any model of the family has.
_OF_TWIN = (
    *("rotary_bytes", "expert_feed_forward_length", "shared_feed_forward_length", "query_rank"),
    *("dense_layers", "latent_key_length", "latent_value_length", "undivided_elements"),
    *("encoder_elements", "encoder_heads", "encoder_weight_elements", "encoder_token_elements"),
    *("encoder_item_tokens", "chunked_attention", "wide_state", "compress_ratios"),
    *("indexer_length", "indexer_heads", "indexer_layers", "expert_embedding_length"),
    "step_elements",
)
_OF_FAMILY = ("rotary_bytes", "chunked_attention", "wide_state")
_ENCODERS: tuple[str, ...] = (
    *("undivided_elements", "encoder_elements", "encoder_heads", "encoder_item_tokens"),
    *("encoder_weight_elements", "encoder_token_elements"),
)
# Families whose encoder is the same whatever the language model's size.
_ONE_ENCODER = (
    *("Gemma3ForConditionalGeneration", "Qwen2VLForConditionalGeneration"),
    *("Qwen2_5_VLForConditionalGeneration", "Mistral3ForConditionalGeneration"),
    *("LlavaForConditionalGeneration", "Llama4ForConditionalGeneration"),
)
_COLUMNS = 64


def _class(architecture: Architecture) -> str:
    return architecture.hf_architectures[0] if architecture.hf_architectures else ""


def _shape(architecture: Architecture) -> tuple[object, ...]:
    sizes = (architecture.layers, architecture.embedding_length, architecture.heads)
    return (_class(architecture), *sizes, architecture.experts)


def _resized(config: Mapping[str, Any], architecture: Architecture) -> dict[str, Any]:
    """A family's config with another model's sizes, as far as rotary tables ask for them."""
    text = next((config[key] for key in ("text_config", "llm_config") if key in config), config)
    told = text.get("rope_scaling") or text.get("rope_parameters") or {}
    stretched = told.get("factor", 1) if told.get("rope_type") == "linear" else 1
    trained = int(architecture.context_length / stretched)
    is_stretched = stretched > 1 and architecture.context_length > _STRETCHED
    sizes = {
        "max_position_embeddings": trained if is_stretched else architecture.context_length,
        "head_dim": architecture.key_length_swa or architecture.key_length,
    }
    return {**config, **({"text_config": {**text, **sizes}} if text is not config else sizes)}


# Some lists tell what a model reads once stretched, others what it was trained for.
_STRETCHED = 1 << 17


def _completed(
    architecture: Architecture, configs: Iterable[Mapping[str, Any]], parameters: int
) -> Architecture:
    read = [(config, found) for config in configs if (found := _read(config))]
    kin = [(config, found) for config, found in read if _is_kin(architecture, found)]
    twins = [config for config, found in kin if _shape(found) == _shape(architecture)]
    config = next(iter(twins), kin[0][0] if kin else None)
    if config is None:
        return architecture
    names: tuple[str, ...] = _OF_TWIN if twins else _OF_FAMILY
    resized = config_json.architecture(_resized(config, architecture))
    own = config_json.architecture(config)
    if not own.encoder_weight_elements:
        names = tuple(name for name in names if name not in _ENCODERS)
    elif _class(architecture) in _ONE_ENCODER:
        names += _ENCODERS
    if twins and own.vocab_size == architecture.vocab_size:
        # Its config may read more than its makers promise, and tables are as long as that.
        resized = replace(resized, rotary_bytes=max(own.rotary_bytes, resized.rotary_bytes))
    found = replace(architecture, **_facts(architecture, resized, names))
    if found.experts and not found.expert_feed_forward_length and twins:
        # All of its feed-forward parts are experts, so that one width tells.
        return replace(found, expert_feed_forward_length=own.feed_forward_length)
    if found.experts and not found.expert_feed_forward_length and parameters:
        return replace(found, expert_feed_forward_length=_columns(found, parameters))
    return found


def _read(config: Mapping[str, Any]) -> Architecture | None:
    """None for a config that tells too little."""
    try:
        return config_json.architecture(config)
    except UnreadableHeader:
        return None


def _is_kin(architecture: Architecture, other: Architecture) -> bool:
    return bool(_class(architecture)) and _class(other) == _class(architecture)


def _facts(architecture: Architecture, other: Architecture, names: Iterable[str]) -> dict[str, Any]:
    """Values of another shape where this one has none."""
    return {name: getattr(other, name) for name in names if not getattr(architecture, name)}


def _columns(architecture: Architecture, parameters: int) -> int:
    """Columns of an expert, from the number of all parameters."""
    width, layers = architecture.embedding_length, architecture.layers
    tables = architecture.vocab_size * width * (1 if architecture.tied_embeddings else 2)
    heads = 2 * architecture.heads + 2 * max(architecture.kv_heads, default=0)
    attention = layers * width * heads * architecture.key_length
    each = 3 * width * architecture.experts * max(1, layers - architecture.dense_layers)
    return max(0, round((parameters - tables - attention) / each / _COLUMNS) * _COLUMNS)


def _parameters(repositories: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Parameters of the models that point to a shape, by its key."""
    found: dict[str, int] = {}
    for record in repositories:
        for row in record.get("variants", ()):
            key, told = store.architecture_key(row), store.variant_from(row).parameters
            if key and (told or record.get("parameters")):
                found.setdefault(key, told or record["parameters"])
    return found


def main() -> None:
    """Rewrite the catalogue's shapes, and tell how many changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configs", type=Path, help="further configs by name, as JSON")
    options = parser.parse_args()
    configs: dict[str, Any] = {
        name: built["config"] for name, built in json.loads(BUILT.read_text()).items()
    }
    if options.configs:
        configs |= json.loads(options.configs.read_text())
    parameters = _parameters(store.read_file(store.DIRECTORY / REPOSITORIES)["models"])
    document = store.read_file(store.DIRECTORY / ARCHITECTURES)
    changed = 0
    for key, record in document["architectures"].items():
        architecture = store.architecture_from(record)
        alike = [config for config in configs.values() if _class(architecture) in str(config)]
        found = _completed(architecture, alike, parameters.get(key, 0))
        changed += found != architecture
        document["architectures"][key] = store.architecture_record(found)
    store.write_file(store.DIRECTORY / ARCHITECTURES, document)
    print(f"{changed} of {len(document['architectures'])} shapes completed.")


if __name__ == "__main__":
    main()
