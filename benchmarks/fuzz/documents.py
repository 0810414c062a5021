"""JSON documents out of bytes: the same bytes, the same document.

A fuzzer that mutates JSON as text finds little beyond the JSON reader. Here
each byte is a choice, so that a mutation changes a field's name, its type or
its value, and a seed is a short file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

DEEPEST = 6
MOST_ITEMS = 6
KEYS = (
    *("model", "name", "prompt", "suffix", "system", "template", "context", "raw", "images"),
    *("stream", "keep_alive", "format", "options", "think", "logprobs", "top_logprobs"),
    *("messages", "role", "content", "tool_calls", "tool_name", "tool_call_id", "id", "function"),
    *("arguments", "tools", "parameters", "description", "type", "text", "image_url", "url"),
    *("input", "output", "source", "data", "media_type", "file", "file_url", "file_data"),
    *("input_audio", "temperature", "top_p", "top_k", "seed", "stop", "num_predict", "num_ctx"),
    *("num_keep", "mirostat", "tfs_z", "numa", "use_mmap", "n", "best_of", "echo", "max_tokens"),
    *("max_completion_tokens", "response_format", "json_schema", "schema", "strict", "$ref"),
    *("tool_choice", "parallel_tool_calls", "stream_options", "include_usage", "truncate"),
    *("reasoning_effort", "presence_penalty", "frequency_penalty", "thinking", "properties"),
)
# Of what an upstream answers.
ANSWERED = (
    *("message", "content", "thinking", "tool_calls", "function", "name", "arguments", "id"),
    *("response", "done", "done_reason", "prompt_eval_count", "eval_count", "error", "object"),
    *("choices", "delta", "text", "finish_reason", "index", "usage", "prompt_tokens"),
    *("completion_tokens", "reasoning", "reasoning_content", "logprobs", "model", "context"),
)
# Of a model's config.json.
CONFIGURED = (
    *("text_config", "vision_config", "audio_config", "thinker_config", "rope_parameters"),
    *("rope_scaling", "rope_type", "factor", "partial_rotary_factor", "layer_types"),
    *("layers_block_type", "hybrid_override_pattern", "full_attn_idxs", "hybrid_layer_ids"),
    *("attn_layer_indices", "attn_layer_period", "attn_layer_offset", "linear_attn_config"),
    *("full_attn_layers", "full_attention_interval", "linear_num_value_heads", "head_dim"),
    *("sliding_window", "sliding_window_pattern", "use_sliding_window", "block_configs"),
    *("attention", "n_heads_in_group", "compress_ratios", "index_topk_freq", "indexer_types"),
    *("index_skip_topk_offset", "index_head_dim", "index_n_heads", "kv_lora_rank"),
    *("qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim", "num_key_value_heads"),
    *("intermediate_size", "num_experts", "num_experts_per_tok", "moe_intermediate_size"),
    *("moe_layer_freq", "num_nextn_predict_layers", "num_kv_shared_layers", "conv_L_cache"),
    *("mamba_num_heads", "mamba_head_dim", "ssm_state_size", "n_groups", "conv_kernel"),
    *("downsample_ratio", "pixel_shuffle_ratio", "spatial_merge_size", "merge_kernel_size"),
    *("image_size", "patch_size", "mm_tokens_per_image", "depth", "num_mel_bins", "d_model"),
    *("quantization_config", "quant_method", "bits", "config_groups", "weights", "num_bits"),
    *("kv_cache_scheme", "quant_algo", "dtype", "architectures", "tie_word_embeddings"),
    *("max_position_embeddings", "vocab_size", "num_hidden_layers", "num_attention_heads"),
    *("hidden_size", "is_encoder_decoder", "multi_query", "attn_config", "kv_n_heads"),
)
TEXTS = (
    *("", "tiny", "user", "assistant", "system", "tool", "developer", "text", "json", "high"),
    *("image_url", "input_image", "image", "audio", "file", "input_audio", "document", "object"),
    *("http://127.0.0.1:9/x", "file:///etc/passwd", "HTTP://[::1]/", "data:image/png;base64,iVBOR"),
    *("iVBORw0KGgo=", "data:,", "5m", "-1", "1e999", "\x00", "İ", "a" * 5000, "json_schema"),
    *("json_object", "function", "auto", "none", "required", "{}", '{"a":', "[", "#/a", "latest"),
)
NUMBERS = (0, 1, -1, 2, 20, 64, 255, 2**31, 2**53, 2**63, -(2**63), 1e30, 0.5, 1e308, -0.0, 1e-9)


class Draw:
    """Reads choices off bytes; zeros once they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_empty(self) -> bool:
        return self._at >= len(self._data)

    def byte(self) -> int:
        if self.is_empty:
            return 0
        self._at += 1
        return self._data[self._at - 1]

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def rest(self) -> bytes:
        return self.take(len(self._data))


def document(draw: Draw, keys: Sequence[str] = KEYS) -> dict[str, Any]:
    """An object as a client would send it, or anything but."""
    return {_key(draw, keys): value(draw, DEEPEST, keys) for _ in range(draw.byte() % 12)}


def value(draw: Draw, depth: int, keys: Sequence[str] = KEYS) -> Any:
    """Any JSON value, at most ``depth`` levels deep."""
    kind = draw.byte() % (9 if depth else 6)
    if kind < 2:
        return _text(draw)
    if kind == 2:
        return NUMBERS[draw.byte() % len(NUMBERS)]
    if kind < 6:
        return (None, True, False)[kind - 3]
    if kind == 6:
        return [value(draw, depth - 1, keys) for _ in range(draw.byte() % MOST_ITEMS)]
    return {_key(draw, keys): value(draw, depth - 1, keys) for _ in range(draw.byte() % MOST_ITEMS)}


def _key(draw: Draw, keys: Sequence[str]) -> str:
    return keys[draw.byte() % len(keys)]


def _text(draw: Draw) -> str:
    choice = draw.byte()
    if choice < 200:
        return TEXTS[choice % len(TEXTS)]
    return draw.take(choice - 200).decode("utf-8", "replace")
