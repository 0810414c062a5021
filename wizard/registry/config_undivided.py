"""What vLLM keeps whole on every card although the layers are divided.

Encoders of sound and of images whose code is transformers' own, those whose heads
do not divide among the cards, projectors between them and the language model, and
a few families' projections. Read from the classes in
``vllm/model_executor/models``: what is no ``…ParallelLinear`` there is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wizard.registry import config_defaults
from wizard.registry.config_values import first, whole

_IMAGES, _SOUND = "vision_config", "audio_config"
# Towers that transformers builds (``AutoModel.from_config``, ``Qwen2AudioEncoder``, …).
_WHOLE_TOWERS = {
    "qwen2_audio": (_SOUND,),
    "audioflamingo3": (_SOUND,),
    "musicflamingo": (_SOUND,),
    "qwen2_5_omni": (_SOUND,),
    "qwen2_5_omni_thinker": (_SOUND,),
    "ultravox": (_SOUND,),
    "gemma3n": (_IMAGES, _SOUND),
    "gemma4": (_IMAGES, _SOUND),
    "diffusion_gemma": (_IMAGES,),
}
# Divided where their heads can be, else whole (``Qwen3OmniMoeAudioEncoderLayer``).
_BY_HEADS = ("qwen3_omni_moe", "qwen3_omni_moe_thinker", "qwen3_asr")
# Divided in any case, so that vLLM refuses cards that do not divide them (``whisper.py``).
_HEADS_REFUSE = {"voxtral": _SOUND, "glmasr": _SOUND, "minicpmv4_6": _IMAGES}
_HEADS_REFUSE |= {"minicpmv4_7": _IMAGES}
# Attention alone is divided so, what follows it always (``intern_vit.py``).
_ATTENTION_BY_HEADS = ("internvl_chat", "skywork_chat", "h2ovl_chat")
# Attention is transformers' own, what follows it is divided (``interns1_vit.py``).
_WHOLE_ATTENTION = ("internvl", "interns1")
# Attention is divided, what follows it is not (``muse_glimmer.py``), nor are the adapter's
# three matrices.
_WHOLE_FORWARD, _ADAPTED = ("muse_glimmer",), 4096
# Projectors of two matrices, of so many patches at a time.
_PROJECTORS = {"internvl": 4, "interns1": 4, "internvl_chat": 4, "llava_next_video": 1}
_PROJECTORS |= {"llava_onevision": 1, "audioflamingo3": 1, "musicflamingo": 1, "voxtral": 4}
# Projectors that first mix as many neighbours as they merge.
_MIXERS = {"kimi_vl": 4, "paddleocr_vl": 4}
_CLIP_WIDTH = 1024
# Projectors of one matrix.
_SHORT_PROJECTORS = ("gemma3", "paligemma", "qwen2_audio", "gemma4", "gemma3n")
_CONNECTORS, _SCALE = ("idefics3", "smolvlm"), 2
# Two matrices into the wide layer.
_GATED = ("gemma4", "qwen2_5", "glm", "pixtral")
# Places of an image, in two directions, that Gemma 4 has embeddings for.
_PLACES = 10_240
# MobileNet-V5 of 300 million, which its config only names.
_MOBILE_NET = 294_000_000
# Their experts of keys and queries unpack what they compress (``minicpm3.py``).
_UNPACKED_LATENT = ("minicpm3",)


@dataclass(frozen=True)
class Undivided:
    """Elements, of 16 bits, on every card: always, and where ``heads`` do not divide.

    ``encoders`` are those of all encoders, whether they are divided or not; ``heads`` without
    ``by_heads`` must divide.
    """

    always: int = 0
    by_heads: int = 0
    heads: int = 0
    encoders: int = 0


def read(outer: Mapping[str, Any], text: Mapping[str, Any], width: int) -> Undivided:
    """What a config's parts keep whole; ``width`` is the language model's."""
    name = str(outer.get("model_type"))
    inner = outer.get("thinker_config")
    parts = inner if isinstance(inner, Mapping) else outer
    image, sound = (config_defaults.of_encoder(parts, part) for part in (_IMAGES, _SOUND))
    towers = {_IMAGES: image, _SOUND: sound}
    encoders = sum(map(_tower, towers.values()))
    always = sum(_tower(towers[part]) for part in _WHOLE_TOWERS.get(name, ()))
    always += _projector(name, parts, image or sound, width) + _projections(text, width)
    if name in _WHOLE_ATTENTION:
        always += 4 * _layers(image) * _width(image) ** 2
    if name in _WHOLE_FORWARD:
        wide = whole(parts, "projector_hidden_size") or _ADAPTED
        always += 2 * _layers(image) * _width(image) * whole(image, "intermediate_size")
        always += wide * (4 * _width(image) + wide + width)
    if name in _ATTENTION_BY_HEADS:
        heads = whole(image, "num_attention_heads")
        return Undivided(always, 4 * _layers(image) * _width(image) ** 2, heads, encoders)
    if name in _HEADS_REFUSE:
        must = first(
            towers[_HEADS_REFUSE[name]], ("encoder_attention_heads", "num_attention_heads")
        )
        return Undivided(always, heads=must, encoders=encoders)
    if name not in _BY_HEADS:
        return Undivided(always, encoders=encoders)
    heads = first(sound, ("encoder_attention_heads",))
    return Undivided(always, _layered(sound), heads, encoders)


def _projections(text: Mapping[str, Any], width: int) -> int:
    """Elements of the text model's own projections that are whole."""
    name, layers = str(text.get("model_type")), _layers(text)
    if name in ("gemma3n_text", "gemma4_text"):
        # Into and out of each layer's own embeddings.
        return 2 * layers * width * whole(text, "hidden_size_per_layer_input")
    if name in _UNPACKED_LATENT:
        row = whole(text, "kv_lora_rank") + whole(text, "qk_rope_head_dim")
        return layers * width * (row + whole(text, "q_lora_rank"))
    if name == "gpt_bigcode":
        # Transformers' plan for it divides attention alone.
        return 2 * layers * width * (whole(text, "n_inner") or 4 * width)
    if name == "zamba2":
        shared = text.get("hybrid_layer_ids")
        return (len(shared) if isinstance(shared, list) else 0) * width * width
    return 0


def _projector(name: str, parts: Mapping[str, Any], encoder: Mapping[str, Any], width: int) -> int:
    own = _width(encoder)
    if patches := _PROJECTORS.get(name):
        return patches * own * width + width * width
    if name == "phi3_v":
        # Four patches of CLIP's at a time (``Phi3HDImageEmbedding``).
        return 4 * _CLIP_WIDTH * width + width * width
    if patches := _MIXERS.get(name):
        return patches * own * (patches * own + width)
    if name in ("mistral3", "lightonocr"):
        return (whole(parts, "spatial_merge_size") or _SCALE) ** 2 * own * own
    if name in _CONNECTORS:
        return own * (whole(parts, "scale_factor") or _SCALE) ** 2 * width
    return own * width if name in _SHORT_PROJECTORS else 0


def _tower(config: Mapping[str, Any]) -> int:
    """Elements of a whole encoder; a config without the part has none."""
    if not config:
        return 0
    if str(config.get("architecture")).startswith("mobilenet"):
        return _MOBILE_NET
    if "conf_num_hidden_layers" in config or str(config.get("model_type")).endswith("a4_audio"):
        return _conformer(config)
    return _layered(config)


def _conformer(config: Mapping[str, Any]) -> int:
    """Two forward parts, attention with relative positions, and a convolution a layer."""
    layers = whole(config, "conf_num_hidden_layers") or _layers(config)
    return 24 * layers * _width(config) ** 2


def _layered(config: Mapping[str, Any]) -> int:
    """Elements of a stack of layers, and of the convolutions before one that hears."""
    width = _width(config)
    inner = first(config, ("num_attention_heads",)) * whole(config, "head_dim") or width
    forward = first(config, ("intermediate_size", "encoder_ffn_dim", "ffn_dim")) or 4 * width
    gates = 3 if str(config.get("model_type")).startswith(_GATED) else 2
    bands = whole(config, "num_mel_bins")
    places = 2 * _PLACES * width if config.get("model_type") == "gemma4_vision" else 0
    heard = 3 * width * (bands + width) if bands else 0
    heard += width * whole(config, "max_source_positions") if bands else 0
    return _layers(config) * (4 * width * inner + gates * width * forward) + heard + places


def _layers(config: Mapping[str, Any]) -> int:
    return first(config, ("encoder_layers", "num_hidden_layers", "depth", "num_layers", "n_layer"))


def _width(config: Mapping[str, Any]) -> int:
    return first(config, ("d_model", "hidden_size", "embed_dim"))
