"""What encoding an image or a sound takes while it runs, from a config's own parts.

vLLM encodes as many as one step may hold when it measures itself, and some
families' largest image makes more tokens than a step has
(``vllm/multimodal/encoder_budget.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wizard.registry import config_defaults
from wizard.registry.config_values import first, whole

# The largest image that the processor of these lets pass, in tokens (``max_pixels`` of
# 12,845,056 over 28 × 28, of 16,777,216 over 32 × 32).
_LARGEST_IMAGE = 16_384
_LARGE_IMAGES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_5", "qwen2_5_omni", "qwen3_omni")
# Gemma 4 sees a video of 32 frames at once, of 70 tokens each and 8 that tell when
# (``gemma4_mm.py``), where it looks at images both ways.
_VIDEO = 32 * (70 + 2 + 6)
# An image's features go into so many of the first layers, where the config does not tell.
_DEEPSTACK, _USUAL_LEVELS, _MOST_LEVELS = ("qwen3_vl", "qwen3_omni"), 3, 64
_OWN_EMBEDDINGS = ("gemma3n", "gemma4")
# Two matrices into the wide layer.
_GATED = ("qwen2_5", "glm", "pixtral", "gemma4")
# What is left of an image's side: a half or a quarter in models that there are.
_SMALLEST_RATIO = 1 / 64
# Frames of sound a token, where the config does not tell.
_FRAMES = 2


@dataclass(frozen=True)
class Encoding:
    """Elements that live at a time for each token, and the tokens of the largest item."""

    token_elements: int = 0
    item_tokens: int = 0


def read(outer: Mapping[str, Any]) -> Encoding:
    """Of the config's encoder of images, or of sound where that takes more."""
    inner = outer.get("thinker_config")
    parts = inner if isinstance(inner, Mapping) else outer
    image, sound = (
        config_defaults.of_encoder(parts, part) for part in ("vision_config", "audio_config")
    )
    elements = max(
        _patches(parts, image) * _patch_elements(image), _FRAMES * _patch_elements(sound)
    )
    return Encoding(elements, _largest(outer) if image else 0)


def _largest(outer: Mapping[str, Any]) -> int:
    """Tokens of the largest item, where a step may have fewer."""
    name, text = str(outer.get("model_type")), outer.get("text_config")
    if name.startswith(_LARGE_IMAGES):
        return _LARGEST_IMAGE
    told = text.get("use_bidirectional_attention") if isinstance(text, Mapping) else None
    return _VIDEO if name.startswith("gemma4") and told == "vision" else 0


def kept(outer: Mapping[str, Any], text: Mapping[str, Any]) -> int:
    """Elements that lie on every card for each token of a step, from the model's loading on.

    What an image adds to the first layers (``deepstack_input_embeds``), or a table of each
    layer's own (``per_layer_embeddings``). ``text`` is the language model's part, defaults
    included; where it is the whole model, it keeps none.
    """
    name = str(outer.get("model_type"))
    if name == text.get("model_type"):
        return 0
    if name.startswith(_OWN_EMBEDDINGS):
        layers = whole(text, "num_hidden_layers")
        return layers * whole(text, "hidden_size_per_layer_input")
    inner = outer.get("thinker_config")
    image = config_defaults.of_encoder(
        inner if isinstance(inner, Mapping) else outer, "vision_config"
    )
    told = image.get("deepstack_visual_indexes") if image else ()
    usual = _USUAL_LEVELS if name.startswith(_DEEPSTACK) else 0
    levels = len(told) if isinstance(told, list | tuple) else usual
    return min(levels, _MOST_LEVELS) * whole(text, "hidden_size")


def _patches(parts: Mapping[str, Any], image: Mapping[str, Any]) -> int:
    """Patches of an image that one token stands for."""
    merged = whole(image, "spatial_merge_size") or whole(parts, "spatial_merge_size")
    if merged:
        return merged * merged
    kernel = image.get("merge_kernel_size")
    if isinstance(kernel, list) and len(kernel) == 2:
        return 4
    ratio = parts.get("downsample_ratio") or image.get("pixel_shuffle_ratio")
    if isinstance(ratio, float) and _SMALLEST_RATIO <= ratio < 1:
        return round(1 / ratio**2)
    side, patch = whole(image, "image_size"), whole(image, "patch_size")
    tokens = whole(parts, "mm_tokens_per_image")
    return max(1, (side // patch) ** 2 // tokens) if side and patch and tokens else 1


def _patch_elements(config: Mapping[str, Any]) -> int:
    """Elements of a patch: three streams, the widest part of a layer, and its pixels."""
    width = first(config, ("d_model", "embed_dim", "hidden_size"))
    if not width:
        return 0
    forward = first(config, ("intermediate_size", "encoder_ffn_dim", "ffn_dim")) or 4 * width
    gates = 3 if str(config.get("model_type")).startswith(_GATED) else 2
    patch, frames = whole(config, "patch_size"), whole(config, "temporal_patch_size") or 1
    return 3 * width + max(gates * forward, 4 * width) + 3 * frames * patch * patch
