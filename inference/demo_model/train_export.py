"""Writes the network as a GGUF file for llama.cpp: Q8_0 weights, the tokenizer, the template."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import torch
from tokenizers import Tokenizer

from inference.demo_model.train_network import Network, Shape
from inference.demo_model.train_text import (
    END,
    END_OF_TEXT,
    MARKS,
    SPECIALS,
    TEMPLATE,
    make_tokenizer,
)

Q8_0 = gguf.GGMLQuantizationType.Q8_0
DESCRIPTION = "A tiny demonstration model: it shows that an endpoint works, and knows very little."


def _about(writer: gguf.GGUFWriter, shape: Shape, size: str) -> None:
    writer.add_name("OneClick Demo")
    writer.add_description(DESCRIPTION)
    writer.add_size_label(size)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_dimension_count(shape.head)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _kind(token: str) -> gguf.TokenType:
    if token in SPECIALS:
        return gguf.TokenType.CONTROL
    return gguf.TokenType.USER_DEFINED if token in MARKS else gguf.TokenType.NORMAL


def _vocabulary(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    ids = tokenizer.get_vocab()
    tokens = sorted(ids, key=ids.__getitem__)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([_kind(token) for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(ids[END_OF_TEXT])
    writer.add_eos_token_id(ids[END])
    writer.add_pad_token_id(ids[END_OF_TEXT])
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def _tensor_name(parameter: str) -> str:
    return parameter if parameter.endswith(".weight") else f"{parameter}.weight"


def restore(path: Path) -> tuple[Network, Tokenizer]:
    """The network and the tokenizer of a file that :func:`export` wrote."""
    reader = gguf.GGUFReader(path)
    tokens, merges = (
        reader.fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "merges")
    )
    tokenizer = make_tokenizer(tokens, [tuple(pair.split(" ")) for pair in merges])
    network = Network(Shape(vocabulary=len(tokens)))
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    for name, weights in network.named_parameters():
        tensor = tensors[_tensor_name(name)]
        values = gguf.dequantize(tensor.data, tensor.tensor_type)
        weights.data.copy_(torch.from_numpy(values.copy()).view(weights.shape))
    return network, tokenizer


def export(path: Path, network: Network, tokenizer: Tokenizer) -> None:
    """Write ``path``. The names of the tensors are those of llama.cpp's llama architecture."""
    writer = gguf.GGUFWriter(str(path), "llama")
    parameters = sum(weights.numel() for weights in network.parameters())
    _about(writer, network.shape, f"{parameters / 1e6:.1f}M")
    _vocabulary(writer, tokenizer)
    for name, weights in network.named_parameters():
        values = weights.detach().float().numpy()
        full = _tensor_name(name)
        if values.ndim == 1:
            writer.add_tensor(full, values)
        else:
            writer.add_tensor(full, gguf.quantize(values, Q8_0), raw_dtype=Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
