"""What vLLM keeps whole on every card although the layers are divided.

Encoders of sound and of images whose code is transformers' own, those whose heads
do not divide among the cards, projectors between them and the language model, and
a few families' projections. Read from the classes in
``vllm/model_executor/models``: what is no ``…ParallelLinear`` there is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd
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
# Divided in any case, so that vLLM refuses cards that do not divide them (``whisper.py``,
# ``glm4_1v.py``, ``qwen2_5_vl.py``).
_HEADS_REFUSE = {"voxtral": _SOUND, "glmasr": _SOUND, "minicpmv4_6": _IMAGES}
_HEADS_REFUSE |= {"minicpmv4_7": _IMAGES, "glm4v": _IMAGES, "glm4v_moe": _IMAGES}
_HEADS_REFUSE |= {"glm_ocr": _IMAGES, "qwen2_vl": _IMAGES, "qwen2_5_vl": _IMAGES}
_HEADS_REFUSE |= {"qwen3_vl": _IMAGES, "qwen3_vl_moe": _IMAGES}
_HEADS_REFUSE |= {"qwen3_5": _IMAGES, "qwen3_5_moe": _IMAGES}
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
_PROJECTORS |= {"moss_transcribe_diarize": 4}
# Projectors that first mix as many neighbours as they merge.
_MIXERS = {"kimi_vl": 4, "paddleocr_vl": 4}
_CLIP_WIDTH = 1024
# Projectors of one matrix.
_SHORT_PROJECTORS = ("gemma3", "paligemma", "qwen2_audio", "gemma4", "gemma3n", "diffusion_gemma")
_CONNECTORS, _SCALE = ("idefics3", "smolvlm"), 2
# Convolutions before an encoder whose layers are divided: Whisper's, or three in two
# directions, with a projector behind them (``Qwen3OmniMoeAudioEncoder``).
_WHISPERS, _CHANNELS = ("moss_transcribe_diarize", "voxtral"), 480
# A convolution that merges patches (``Glm4vVisionTransformer.downsample``).
_MERGED = ("glm4v", "glm4v_moe", "glm_ocr")
# Between an encoder and the language model lies a Q-Former (``blip2.py``, ``granite_speech.py``).
_QFORMERS = {"blip-2": "qformer_config", "granite_speech": "projector_config"}
_QFORMERS |= {"granite_speech_plus": "projector_config"}
# Two matrices into the wide layer.
_GATED = ("gemma4", "qwen2_5", "glm", "pixtral")
# Places of an image, in two directions, that Gemma 4 has embeddings for.
_PLACES = 10_240
# MobileNet-V5 of 300 million, which its config only names.
_MOBILE_NET = 294_000_000
# An output of words, or a rank, which their classes do not divide (``bert.py``, ``roberta.py``).
_WORDS = ("BertForMaskedLM", "BertSpladeSparseEmbeddingModel")
_RANKS = ("RobertaForSequenceClassification", "XLMRobertaForSequenceClassification")
# Their experts of keys and queries unpack what they compress (``minicpm3.py``).
_UNPACKED_LATENT = ("minicpm3",)


@dataclass(frozen=True)
class Undivided:
    """Elements, of 16 bits, on every card: always, and where ``heads`` do not divide.

    ``encoders`` are those of all encoders, whether they are divided or not; ``heads`` without
    ``by_heads`` must divide: as many parts an encoder has.
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
    always += _convolutions(name, image, sound, width) + _heads(outer, text, width)
    if name in _QFORMERS:
        kept, divided = _conformer_of_granite(_part(parts, "encoder_config"))
        kept += _former(_part(parts, _QFORMERS[name]), width)
        always, encoders = always + kept, encoders + kept + divided
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
        named = ("encoder_attention_heads", "num_attention_heads", "num_heads")
        must = first(towers[_HEADS_REFUSE[name]], named)
        if name == "qwen2_5_vl":
            # Both gates of its forward parts, of 3,420 columns in the smaller ones.
            must = gcd(must, whole(image, "intermediate_size"))
        return Undivided(always, heads=must, encoders=encoders)
    if name not in _BY_HEADS:
        return Undivided(always, encoders=encoders)
    heads = first(sound, ("encoder_attention_heads",))
    return Undivided(always, _stack(sound), heads, encoders)


def _projections(text: Mapping[str, Any], width: int) -> int:
    """Elements of the text model's own projections that are whole."""
    name, layers = str(text.get("model_type")), _layers(text)
    if name in ("gemma3n_text", "gemma4_text", "embedding_gemma2_text"):
        # Into and out of each layer's own embeddings.
        return 2 * layers * width * whole(text, "hidden_size_per_layer_input")
    if name in _UNPACKED_LATENT:
        row = whole(text, "kv_lora_rank") + whole(text, "qk_rope_head_dim")
        return layers * width * (row + whole(text, "q_lora_rank"))
    if name == "gpt_bigcode":
        # Transformers' plan for it divides attention alone.
        return 2 * layers * width * (whole(text, "n_inner") or 4 * width)
    if name == "diffusion_gemma_text":
        # What it made of a place the last time goes through a forward part of its own.
        return 3 * width * whole(text, "intermediate_size")
    if name == "zamba2":
        shared = text.get("hybrid_layer_ids")
        return (len(shared) if isinstance(shared, list) else 0) * width * width
    return 0


def _heads(outer: Mapping[str, Any], text: Mapping[str, Any], width: int) -> int:
    """Elements of what an encoder of texts says: words, or a rank that is kept in 32 bits."""
    told = outer.get("architectures")
    classes = [name for name in told if isinstance(name, str)] if isinstance(told, list) else []
    if any(name in _WORDS for name in classes):
        return width * (width + whole(text, "vocab_size"))
    return 2 * width * width if any(name in _RANKS for name in classes) else 0


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


def _convolutions(name: str, image: Mapping[str, Any], sound: Mapping[str, Any], width: int) -> int:
    """Elements of convolutions around an encoder whose layers are divided."""
    if name in _MERGED:
        merged = (whole(image, "spatial_merge_size") or _SCALE) ** 2
        return merged * _width(image) * (whole(image, "out_hidden_size") or width)
    if name in _WHISPERS:
        return _heard(sound)
    return _heard_in_two_directions(sound, width) if name in _BY_HEADS else 0


def _heard_in_two_directions(sound: Mapping[str, Any], width: int) -> int:
    """Elements of two convolutions that are not small, and of the three matrices behind."""
    own, channels = _width(sound), whole(sound, "downsample_hidden_size") or _CHANNELS
    bands = channels * -(-whole(sound, "num_mel_bins") // 8)
    made = whole(sound, "output_dim") or width
    return 2 * 9 * channels**2 + own * (bands + own + made) if own else 0


def _conformer_of_granite(config: Mapping[str, Any]) -> tuple[int, int]:
    """Elements of attention and convolutions, which are whole, and of the divided rest."""
    hidden, layers = whole(config, "hidden_dim"), whole(config, "num_layers")
    inner = whole(config, "num_heads") * whole(config, "dim_head")
    grown = whole(config, "conv_expansion_factor") or _SCALE
    forward = layers * 4 * (whole(config, "feedforward_mult") or 4) * hidden**2
    return layers * (4 * inner + 3 * grown * hidden) * hidden, forward


def _former(config: Mapping[str, Any], width: int) -> int:
    """Elements of a Q-Former, some of whose layers look at what an encoder made."""
    own, step = _width(config), whole(config, "cross_attention_frequency") or _SCALE
    looking = -(-_layers(config) // step)
    seen = looking * 2 * own * (own + whole(config, "encoder_hidden_size"))
    return _stack(config) + seen + own * width


def _part(parts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = parts.get(name)
    return found if isinstance(found, Mapping) else {}


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
    """Elements of a stack of layers, and of what lies before it."""
    is_gemma = config.get("model_type") == "gemma4_vision"
    return _stack(config) + _heard(config) + (2 * _PLACES * _width(config) if is_gemma else 0)


def _heard(config: Mapping[str, Any]) -> int:
    """Elements of Whisper's convolutions and places; none without bands of sound."""
    width, bands = _width(config), whole(config, "num_mel_bins")
    places = whole(config, "max_source_positions")
    return width * (3 * (bands + width) + places) if bands else 0


def _stack(config: Mapping[str, Any]) -> int:
    width = _width(config)
    inner = first(config, ("num_attention_heads",)) * whole(config, "head_dim") or width
    forward = first(config, ("intermediate_size", "encoder_ffn_dim", "ffn_dim")) or 4 * width
    gates = 3 if str(config.get("model_type")).startswith(_GATED) else 2
    return _layers(config) * (4 * width * inner + gates * width * forward)


def _layers(config: Mapping[str, Any]) -> int:
    return first(config, ("encoder_layers", "num_hidden_layers", "depth", "num_layers", "n_layer"))


def _width(config: Mapping[str, Any]) -> int:
    return first(config, ("d_model", "hidden_size", "embed_dim"))
