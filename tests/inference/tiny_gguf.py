"""Write tiny llama-architecture GGUF files with random weights: models in milliseconds.

The vocabulary is the 256 bytes and three real special tokens, the template is
ChatML. Tokens that are no printable ASCII, the end of a text among them, have a
weight of zero in the output: the babble is readable, cheap to compare, and as
long as was asked for.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import random
import struct
from array import array
from pathlib import Path
from typing import Any

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WITH_TOOLS = (
    "{% if tools %}<|im_start|>system\nTools, each call in <tool_call></tool_call>:\n"
    "{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "{% for call in m.tool_calls or [] %}<tool_call>\n"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}'
    "\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WITH_THINKING = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and '</think>' in m.content %}"
    "{{ m.content.split('</think>')[-1] }}{% else %}{{ m.content }}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% else %}<think>\n{% endif %}{% endif %}"
)
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
FILLS_IN = {"pre": "<|fim_prefix|>", "suf": "<|fim_suffix|>", "mid": "<|fim_middle|>"}
WIDTH, HIDDEN, LAYERS = 32, 64, 2
_ALIGNMENT = 32
_TYPES = {int: 4, float: 6, bool: 7, str: 8, list: 9}
_INT32 = 5


def write_model(
    path: Path,
    *,
    template: str = CHATML,
    seed: int = 0,
    name: str = "tiny",
    context: int = 2048,
    fills_in: bool = False,
    pooling: int | None = None,
) -> Path:
    """Write a model of two layers; answers ``path``.

    ``fills_in`` gives it the tokens for text between a prompt and a suffix, ``pooling``
    makes an embedding model of it (3: by its last token).
    """
    width, hidden, heads, kv_heads, layers = WIDTH, HIDDEN, 4, 2, LAYERS
    specials = (*SPECIALS, *(FILLS_IN.values() if fills_in else ()))
    vocabulary = [*_byte_tokens(), *specials]
    base = len(vocabulary) - len(specials)
    draw = random.Random(seed)  # noqa: S311  (weights, no secret)
    fields: dict[str, Any] = {
        "general.architecture": "llama",
        "general.name": name,
        "general.file_type": 0,
        "general.license": "mit",
        "llama.context_length": context,
        "llama.embedding_length": width,
        "llama.block_count": layers,
        "llama.feed_forward_length": hidden,
        "llama.attention.head_count": heads,
        "llama.attention.head_count_kv": kv_heads,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": width // heads,
        "llama.vocab_size": len(vocabulary),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": vocabulary,
        "tokenizer.ggml.token_type": [1] * base + [3] * len(specials),
        "tokenizer.ggml.merges": ["t h"],
        "tokenizer.ggml.bos_token_id": base,
        "tokenizer.ggml.eos_token_id": base + 2,
        "tokenizer.ggml.padding_token_id": base,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": template,
    }
    if pooling is not None:
        fields["llama.pooling_type"] = pooling
    if fills_in:
        for token, key in enumerate(FILLS_IN, start=base + len(SPECIALS)):
            fields[f"tokenizer.ggml.fim_{key}_token_id"] = token
    silent = {i for i in range(base) if not 32 <= i < 127 and i != 10}
    silent.update(range(base, len(vocabulary)))
    tensors: dict[str, tuple[tuple[int, ...], array[float]]] = {}

    def add(key: str, *shape: int, scale: float = 0.0, zero: frozenset[int] = frozenset()) -> None:
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        deviation = scale or shape[-1] ** -0.5
        values = (
            [1.0] * count if len(shape) == 1 else [draw.gauss(0, deviation) for _ in range(count)]
        )
        for row in zero:
            values[row * shape[1] : (row + 1) * shape[1]] = [0.0] * shape[1]
        tensors[key] = (shape, array("f", values))

    add("token_embd.weight", len(vocabulary), width, scale=1.0)
    for i in range(layers):
        block = f"blk.{i}."
        add(block + "attn_norm.weight", width)
        add(block + "attn_q.weight", width, width)
        add(block + "attn_k.weight", width // heads * kv_heads, width)
        add(block + "attn_v.weight", width // heads * kv_heads, width)
        add(block + "attn_output.weight", width, width)
        add(block + "ffn_norm.weight", width)
        add(block + "ffn_gate.weight", hidden, width)
        add(block + "ffn_up.weight", hidden, width)
        add(block + "ffn_down.weight", width, hidden)
    add("output_norm.weight", width)
    # So far apart that what is left for the silent ones is far below what top-p cuts off.
    add("output.weight", len(vocabulary), width, scale=1.0, zero=frozenset(silent))
    _write(path, fields, tensors)
    return path


def write_adapter(path: Path, *, seed: int = 2) -> Path:
    """Write a LoRA adapter of rank 4 for the models of :func:`write_model`."""
    draw = random.Random(seed)  # noqa: S311  (weights, no secret)
    fields: dict[str, Any] = {
        "general.type": "adapter",
        "general.architecture": "llama",
        "adapter.type": "lora",
        "adapter.lora.alpha": 8.0,
    }
    tensors: dict[str, tuple[tuple[int, ...], array[float]]] = {}

    def add(key: str, *shape: int) -> None:
        tensors[key] = (shape, array("f", [draw.gauss(0, 1) for _ in range(shape[0] * shape[1])]))

    for i in range(LAYERS):
        add(f"blk.{i}.ffn_down.weight.lora_a", 4, HIDDEN)
        add(f"blk.{i}.ffn_down.weight.lora_b", WIDTH, 4)
    _write(path, fields, tensors)
    return path


def write_projector(path: Path, *, embedding: int = 32, seed: int = 1) -> Path:
    """Write a LLaVA-style vision projector for a model of ``embedding`` width."""
    width, hidden, layers, heads, image, patch = 32, 64, 2, 4, 56, 14
    draw = random.Random(seed)  # noqa: S311  (weights, no secret)
    fields: dict[str, Any] = {
        "general.architecture": "clip",
        "general.name": "tiny-projector",
        "general.file_type": 0,
        "clip.has_vision_encoder": True,
        "clip.has_llava_projector": True,
        "clip.projector_type": "mlp",
        "clip.use_gelu": True,
        "clip.vision.image_size": image,
        "clip.vision.patch_size": patch,
        "clip.vision.embedding_length": width,
        "clip.vision.feed_forward_length": hidden,
        "clip.vision.block_count": layers,
        "clip.vision.projection_dim": embedding,
        "clip.vision.attention.head_count": heads,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.image_mean": [0.48, 0.46, 0.41],
        "clip.vision.image_std": [0.27, 0.26, 0.28],
    }
    tensors: dict[str, tuple[tuple[int, ...], array[float]]] = {}

    def add(key: str, *shape: int, ones: bool = False) -> None:
        count = 1
        for size in shape:
            count *= size
        values = [1.0] * count if ones else [draw.gauss(0, 0.1) for _ in range(count)]
        tensors[key] = (shape, array("f", values))

    positions = (image // patch) ** 2 + 1
    add("v.class_embd", width)
    add("v.patch_embd.weight", width, 3, patch, patch)
    add("v.position_embd.weight", positions, width)
    for norm in ("v.pre_ln", "v.post_ln"):
        add(norm + ".weight", width, ones=True)
        add(norm + ".bias", width)
    for i in range(layers):
        block = f"v.blk.{i}."
        for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
            add(f"{block}{part}.weight", width, width)
            add(f"{block}{part}.bias", width)
        for part in ("ln1", "ln2"):
            add(f"{block}{part}.weight", width, ones=True)
            add(f"{block}{part}.bias", width)
        add(f"{block}ffn_up.weight", hidden, width)
        add(f"{block}ffn_up.bias", hidden)
        add(f"{block}ffn_down.weight", width, hidden)
        add(f"{block}ffn_down.bias", width)
    add("mm.0.weight", embedding, width)
    add("mm.0.bias", embedding)
    add("mm.2.weight", embedding, embedding)
    add("mm.2.bias", embedding)
    _write(path, fields, tensors)
    return path


def write_reranker(path: Path, *, seed: int = 4) -> Path:
    """Write a cross-encoder as bge-reranker's files are: a BERT with a classifier, not a word of
    how it pools."""
    width, hidden, heads, layers, context = WIDTH, HIDDEN, 4, LAYERS, 2048
    vocabulary = [*_byte_tokens(), *SPECIALS]
    base = len(vocabulary) - len(SPECIALS)
    draw = random.Random(seed)  # noqa: S311  (weights, no secret)
    fields: dict[str, Any] = {
        "general.architecture": "bert",
        "general.name": path.stem,
        "general.file_type": 0,
        "bert.context_length": context,
        "bert.embedding_length": width,
        "bert.block_count": layers,
        "bert.feed_forward_length": hidden,
        "bert.attention.head_count": heads,
        "bert.attention.layer_norm_epsilon": 1e-5,
        "bert.attention.causal": False,
        "bert.vocab_size": len(vocabulary),
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": vocabulary,
        "tokenizer.ggml.token_type": [1] * base + [3] * len(SPECIALS),
        "tokenizer.ggml.token_type_count": 1,
        "tokenizer.ggml.merges": ["t h"],
        "tokenizer.ggml.bos_token_id": base,
        "tokenizer.ggml.eos_token_id": base + 2,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": True,
    }
    tensors: dict[str, tuple[tuple[int, ...], array[float]]] = {}

    def add(key: str, *shape: int, ones: bool = False) -> None:
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = [1.0] * count if ones else [draw.gauss(0, 0.3) for _ in range(count)]
        tensors[key] = (shape, array("f", values))

    def norm(key: str) -> None:
        add(f"{key}.weight", width, ones=True)
        add(f"{key}.bias", width)

    add("token_embd.weight", len(vocabulary), width)
    add("token_types.weight", 1, width)
    add("position_embd.weight", context, width)
    norm("token_embd_norm")
    for i in range(layers):
        block = f"blk.{i}."
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"{block}{part}.weight", width, width)
        add(block + "ffn_up.weight", hidden, width)
        add(block + "ffn_down.weight", width, hidden)
        norm(block + "attn_output_norm")
        norm(block + "layer_output_norm")
    add("cls.weight", width, width)
    add("cls.bias", width)
    add("cls.output.weight", 1, width)
    add("cls.output.bias", 1)
    _write(path, fields, tensors)
    return path


def _byte_tokens() -> list[str]:
    """GPT-2's printable name of each byte, in the order of the bytes."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    spare = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(spare)) for byte in range(256)]


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _scalar(value: Any, kind: int) -> bytes:
    if kind == _TYPES[str]:
        return _string(value)
    return struct.pack({4: "<I", 5: "<i", 6: "<f", 7: "<?"}[kind], value)


def _value(value: Any) -> bytes:
    if not isinstance(value, list):
        kind = _TYPES[type(value)]
        return struct.pack("<I", kind) + _scalar(value, kind)
    item = _INT32 if isinstance(value[0], int) else _TYPES[type(value[0])]
    head = struct.pack("<IIQ", _TYPES[list], item, len(value))
    return head + b"".join(_scalar(entry, item) for entry in value)


def _write(
    path: Path, fields: dict[str, Any], tensors: dict[str, tuple[tuple[int, ...], array[float]]]
) -> None:
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields))
    header += b"".join(_string(key) + _value(value) for key, value in fields.items())
    offset, data = 0, b""
    for key, (shape, values) in tensors.items():
        sizes = struct.pack(f"<{len(shape)}Q", *reversed(shape))
        header += _string(key) + struct.pack("<I", len(shape)) + sizes
        header += struct.pack("<IQ", 0, offset)
        raw = values.tobytes()
        raw += b"\0" * (-len(raw) % _ALIGNMENT)
        data += raw
        offset += len(raw)
    path.write_bytes(header + b"\0" * (-len(header) % _ALIGNMENT) + data)
