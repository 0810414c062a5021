"""A transformers ``config.json`` → Architecture.

Field names: https://huggingface.co/docs/transformers/main_classes/configuration
and each model's ``configuration_*.py``; where families disagree on a name, all
of them are tried. The file is a stranger's: every number is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from wizard.registry import (
    config_defaults,
    config_encoders,
    config_experts,
    config_groups,
    config_layers,
    config_quantisation,
    config_rotary,
    config_undivided,
)
from wizard.registry.config_quantisation import quant_method
from wizard.registry.errors import UnreadableHeader
from wizard.registry.quantisation import of_method
from wizard.registry.values import Architecture

MAX_LAYERS = 2048
MAX_VALUE = 1 << 40
DEFAULT_CONTEXT = 2048
_NESTED = ("text_config", "llm_config", "language_config", "thinker_config", "language_model")
_ENCODERS = (
    *("bert", "roberta", "nomic_bert", "modernbert", "eurobert", "neobert", "gte", "new"),
    *("embedding_gemma2_text", "openai_privacy_filter"),
)
# vLLM keeps one compressed row a token for these (``is_deepseek_mla`` in
# ``vllm/transformers_utils/model_arch_config_convertor.py``).
_LATENT = (
    *("axk1", "bailing_hybrid", "deepseek_v2", "deepseek_v3", "deepseek_v32", "dots3_note"),
    *("glm4_moe_lite", "glm5_next", "glm5_next_text", "glm_moe_dsa", "hy_v4", "kimi_k2"),
    *("kimi_linear", "longcat_flash", "pangu_ultra_moe"),
)
# Encoders of texts and images side by side: up to 4.1 % under, and not served here.
_UNCOMPARED = ("clip", "siglip", "siglip2", "modernvbert")
# Some list these for each layer; the largest counts.
_OF_EACH_LAYER = ("intermediate_size", "num_experts_per_tok")
_WIDE_STATE = ("nemotron_h", "kimi_linear", "glm5_next", "glm5_next_text")
_NAMES: dict[str, tuple[str, ...]] = {
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "embedding": ("hidden_size", "n_embd", "d_model", "dim"),
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "kv_heads": ("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num"),
    "head_size": ("head_dim", "attention_head_dim", "kv_channels"),
    "vocab": ("vocab_size", "padded_vocab_size"),
    "context": (
        *("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx"),
        *("max_sequence_length", "model_max_length"),
    ),
    "forward": ("intermediate_size", "ffn_hidden_size", "n_inner", "ffn_dim", "d_ff"),
    "experts": ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts"),
    "experts_used": ("num_experts_per_tok", "num_experts_per_token", "moe_top_k", "moe_topk"),
    "nextn": ("num_nextn_predict_layers", "mtp_num_hidden_layers"),
    "shared_kv": ("num_kv_shared_layers",),
}


def architecture(config: Mapping[str, Any]) -> Architecture:
    """Read a parsed config.json.

    Facts that had to be derived make ``exact`` false. Raises UnreadableHeader
    with a sentence where layers or sizes are missing or make no sense.
    """
    if not isinstance(config, Mapping):
        raise UnreadableHeader("This model's config.json is no JSON object.")
    text = _text_config(config)
    if text.get("is_encoder_decoder") is True or config.get("is_encoder_decoder") is True:
        raise UnreadableHeader(
            "This model reads with an encoder and writes with a decoder, which is not estimated.",
            next_step="Choose a model that only writes, or one that only embeds.",
        )
    read = _Config(config, text, config_defaults.of_text(config, text))
    found = read.architecture()
    return replace(found, weight_groups=config_groups.counts(found, read.quantisation()))


def _text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part about the language model: vision and audio models nest it."""
    inner = config
    for _ in range(2):
        nested = next((inner[key] for key in _NESTED if isinstance(inner.get(key), dict)), None)
        if nested is None:
            break
        inner = nested
    outer = {key: config[key] for key in config if key not in _NESTED}
    if inner is not config:
        outer.pop("model_type", None)
    return config_layers.with_global_heads({**outer, **inner})


@dataclass(frozen=True)
class _Config:
    """``text`` is what the file says, ``defaults`` what its class assumes beside."""

    outer: Mapping[str, Any]
    text: Mapping[str, Any]
    defaults: Mapping[str, Any]

    def architecture(self) -> Architecture:
        layers, embedding = self.layers(), self.required("embedding")
        heads, vocab = self.number("heads"), self.number("vocab")
        context = config_rotary.positions(self.assumed(), self.number("context"))
        pattern = config_layers.read(self.assumed(), layers)
        if not heads and any(pattern.attends):
            raise self.missing("heads")
        key_length, value_length = self.head_sizes(embedding, heads)
        undivided = config_undivided.read(self.outer, self.assumed(), embedding)
        encoding = config_encoders.read(self.outer)
        untold = config_experts.untold_predicting(self.name(), quant_method(self.outer))
        return Architecture(
            name=self.name(),
            layers=layers,
            embedding_length=embedding,
            heads=heads,
            kv_heads=self.kv_heads(layers, heads, pattern),
            key_length=key_length,
            value_length=value_length,
            context_length=context or DEFAULT_CONTEXT,
            vocab_size=vocab,
            feed_forward_length=self.number("forward") or 4 * embedding,
            key_length_swa=pattern.key_length_swa,
            value_length_swa=pattern.value_length_swa,
            sliding_window=pattern.window,
            sliding_layers=pattern.sliding,
            shared_kv_layers=min(layers, self.number("shared_kv")),
            kv_lora_rank=self.latent_rank(),
            rope_dimension=self.rope_dimension(key_length),
            recurrent_layers=pattern.recurrent,
            ssm_conv_kernel=pattern.state.conv_kernel,
            ssm_inner_size=pattern.state.inner_size,
            ssm_state_size=pattern.state.state_size,
            ssm_group_count=pattern.state.groups,
            indexer_length=self.indexer_length(),
            indexer_layers=pattern.indexers,
            indexer_heads=self.whole("index_n_heads"),
            indexer_pool=self.whole("index_kpool") or 1,
            compress_ratios=pattern.compress_ratios,
            latent_key_length=key_length if self.latent_rank() else 0,
            latent_value_length=value_length if self.latent_rank() else 0,
            query_rank=self.whole("q_lora_rank"),
            per_layer_embedding=self.whole("hidden_size_per_layer_input"),
            expert_feed_forward_length=self.whole("moe_intermediate_size"),
            shared_feed_forward_length=config_experts.shared_length(self.text, self.whole),
            expert_embedding_length=config_experts.width(self.whole),
            dense_layers=min(layers, config_experts.dense_layers(self.text, self.whole)),
            nextn_layers=min(layers, self.number("nextn") or untold),
            mixture_step=max(1, self.whole("interleave_moe_layer_step")),
            experts=self.number("experts"),
            experts_used=self.number("experts_used"),
            tied_embeddings=self.tied(),
            tie_is_guessed=True,
            causal=self.causal(),
            dtype=self.dtype(),
            quant_method=config_quantisation.method(self.quantisation()),
            hf_architectures=hf_architectures(self.outer),
            weight_bits=config_quantisation.weight_bits(self.quantisation()),
            plain_attention=config_quantisation.leaves_attention(self.quantisation()),
            kv_cache_type=config_quantisation.cache_type(self.quantisation()),
            rotary_bytes=self.rotary_bytes(context or DEFAULT_CONTEXT, key_length, pattern),
            undivided_elements=undivided.always,
            encoder_elements=undivided.by_heads,
            encoder_heads=undivided.heads,
            encoder_weight_elements=undivided.encoders,
            encoder_token_elements=encoding.token_elements,
            encoder_item_tokens=encoding.item_tokens,
            step_elements=config_encoders.kept(self.outer, self.assumed()),
            chunked_attention=pattern.is_chunked,
            wide_state=self.wide_state(),
            has_voice="talker_config" in self.outer,
            custom_code="auto_map" in self.outer,
            exact=bool(vocab and context and pattern.exact and self.loads_its_files()),
        )

    def missing(self, what: str) -> UnreadableHeader:
        return UnreadableHeader(f"This model's config.json has no sane {_NAMES[what][0]}.")

    def whole(self, key: str) -> int:
        """A whole number of the text config, or its class's default; 0 where it has none."""
        return self._whole(self.text if key in self.text else self.defaults, key)

    def _whole(self, source: Mapping[str, Any], key: str) -> int:
        value = source.get(key)
        if isinstance(value, list) and value and key in _OF_EACH_LAYER:
            value = max((item for item in value if isinstance(item, int)), default=None)
        if value is None or isinstance(value, bool | str | list | dict):
            return 0
        if not 0 <= value <= MAX_VALUE:
            raise UnreadableHeader(f"This model's config.json has no sane {key}.")
        return int(value)

    def number(self, what: str) -> int:
        """A number that families name differently: as told by any of the names, else assumed."""
        names = _NAMES[what]
        source = self.text if any(key in self.text for key in names) else self.defaults
        return next((value for key in names if (value := self._whole(source, key))), 0)

    def required(self, what: str) -> int:
        if value := self.number(what):
            return value
        raise self.missing(what)

    def name(self) -> str:
        told = self.defaults.get("model_type") or self.text.get("model_type")
        return str(told or self.outer.get("model_type") or "unknown")[:80]

    def layers(self) -> int:
        layers = self.number("layers") or config_layers.listed(self.text)
        # Each of its layers attends twice (``LongCatFlashModelArchConfigConvertor``).
        layers *= 2 if self.name() == "longcat_flash" and "num_layers" in self.text else 1
        if not layers:
            raise self.missing("layers")
        if layers > MAX_LAYERS:
            raise UnreadableHeader(f"This model's config.json claims {layers} layers.")
        return layers

    def latent_rank(self) -> int:
        """Width of MLA's compressed row; 0 where vLLM unpacks it into whole heads."""
        return self.whole("kv_lora_rank") if self.name() in _LATENT else 0

    def indexer_length(self) -> int:
        """Elements of an indexer's key, which choose what is attended to; 0 where none is kept."""
        if self.latent_rank() or "compress_ratios" in self.text:
            return self.whole("index_head_dim")
        return self._whole(self.part("sparse_attention_config"), "sparse_index_dim")

    def head_sizes(self, embedding: int, heads: int) -> tuple[int, int]:
        """Lengths of a head's key and value."""
        nope, rope = self.whole("qk_nope_head_dim"), self.whole("qk_rope_head_dim")
        plain = self.number("head_size") or (embedding // heads if heads else 0)
        if self.latent_rank():
            return nope + rope or plain, self.whole("v_head_dim") or plain
        if self.whole("kv_lora_rank"):
            # Values are padded to the keys' length (``DeepseekV2Attention``).
            return nope + rope or plain, nope + rope or plain
        global_size = self.whole("global_head_dim")
        return global_size or plain, self.whole("v_head_dim") or global_size or plain

    def rope_dimension(self, key_length: int) -> int:
        """Rotated dimensions of a head; under MLA of the one cached row, or none."""
        rope = self.whole("qk_rope_head_dim")
        if rope or self.latent_rank():
            return rope
        factor = self.text.get("partial_rotary_factor")
        if isinstance(factor, int | float) and 0 < factor < 1:
            return int(key_length * factor)
        return key_length

    def kv_heads(self, layers: int, heads: int, pattern: config_layers.Pattern) -> tuple[int, ...]:
        """KV heads of each layer: none where a layer only recurs or only feeds forward."""
        if pattern.kv_heads:
            return pattern.kv_heads
        listed = self.text.get("num_key_value_heads")
        if isinstance(listed, list) and len(listed) >= layers:
            return tuple(self._whole({"heads": count}, "heads") for count in listed[:layers])
        told = self.number("kv_heads") or self._whole(self.part("attn_config"), "kv_n_heads")
        if self.flag("multi_query") and not self.flag("new_decoder_architecture"):
            told = 1
        told = told or heads
        # Gemma 4's global layers have heads of their own where they share keys and values.
        is_shared = self.text.get("attention_k_eq_v") is not False
        wide = self.whole("num_global_key_value_heads") if is_shared else 0
        swa = pattern.kv_heads_swa
        sliding = pattern.sliding or (False,) * layers
        return tuple(
            (swa or told if slides else wide or told) if attends else 0
            for attends, slides in zip(pattern.attends, sliding, strict=True)
        )

    def part(self, key: str) -> Mapping[str, Any]:
        """A part of the text config that nests attention's numbers; empty without it."""
        found = self.text.get(key)
        return found if isinstance(found, Mapping) else {}

    def flag(self, key: str) -> bool:
        """A yes or no of the text config, or its class's default."""
        return self.assumed().get(key) is True

    def quantisation(self) -> Mapping[str, Any]:
        """``quantization_config`` of the whole model, or of its language model."""
        return config_quantisation.of(self.outer) or config_quantisation.of(self.text)

    def loads_its_files(self) -> bool:
        """Whether it is known what of the files is loaded: not of a plugin's types.

        Of those with a voice, which vLLM leaves in the files, where nothing is quantised.
        """
        told = self.quantisation()
        if self.outer.get("model_type") in _UNCOMPARED or not config_quantisation.is_known(told):
            return False
        return not (told and "talker_config" in self.outer)

    def wide_state(self) -> bool:
        """Whether recurrent states are kept at 32 bits (``mamba_ssm_cache_dtype``)."""
        told = self.text.get("mamba_ssm_cache_dtype") or self.text.get("mamba_ssm_dtype")
        if isinstance(told, str):
            return told == "float32"
        return self.name() in _WIDE_STATE

    def rotary_bytes(self, context: int, key_length: int, pattern: config_layers.Pattern) -> int:
        """Bytes of the rotary tables of all kinds of layers."""
        width = self.whole("qk_rope_head_dim") or (0 if self.latent_rank() else key_length)
        widths = (pattern.key_length_swa or width, width)
        return config_rotary.table_bytes(self.assumed(), context, widths)

    def assumed(self) -> Mapping[str, Any]:
        """The text config with its class's defaults, under the name of its own type."""
        return {**self.defaults, **self.text, "model_type": self.name()}

    def tied(self) -> bool:
        """Whether the embeddings serve as the output too."""
        for level in (self.text, self.outer, self.defaults):
            if isinstance(level.get("tie_word_embeddings"), bool):
                return bool(level["tie_word_embeddings"])
        return False

    def causal(self) -> bool:
        if self.text.get("use_bidirectional_attention") in (True, "all"):
            return False
        if self.text.get("is_causal") is False:
            return False
        name = self.name().replace("-", "_")
        return not (name.startswith("xlm") or name in _ENCODERS or name.endswith("bert"))

    def dtype(self) -> str:
        value = self.text.get("dtype") or self.text.get("torch_dtype")
        value = value or self.outer.get("dtype") or self.outer.get("torch_dtype")
        return value[:40] if isinstance(value, str) else ""


def hf_architectures(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The model's classes, such as ``Qwen3ForCausalLM``."""
    told = config.get("architectures")
    if not isinstance(told, list):
        return ()
    return tuple(name[:100] for name in told[:8] if isinstance(name, str))


def quantisation_name(config: Mapping[str, Any], dtype: str = "") -> str:
    """What a page calls the weights: the method, or the type of the numbers."""
    method = quant_method(config)
    if method:
        return of_method(method)
    short = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
    return short.get(dtype, dtype.upper())
