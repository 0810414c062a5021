"""The models that the Hub's stand-in comes with: real hyper-parameters, claimed sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.standins import gguf
from tests.standins.huggingface_repo import Repo
from tests.standins.server import Sparse

GIB = 1 << 30
HEAD = 1 << 17
TEMPLATE = "{% if tools %}{{ tools }}{% endif %}{% if enable_thinking %}<think>{% endif %}"

QWEN3_8B = gguf.llama(
    "qwen3",
    layers=36,
    embedding=4096,
    heads=32,
    kv_heads=8,
    context=40_960,
    feed_forward=12_288,
    vocab=151_936,
    extra={".attention.key_length": 128, ".attention.value_length": 128},
)
GEMMA3_12B = gguf.llama(
    "gemma3",
    layers=48,
    embedding=3840,
    heads=16,
    kv_heads=8,
    context=131_072,
    feed_forward=15_360,
    vocab=262_208,
    extra={
        ".attention.key_length": 256,
        ".attention.value_length": 256,
        ".attention.sliding_window": 1024,
    },
)
LLAMA_32_1B = gguf.llama(
    "llama",
    layers=16,
    embedding=2048,
    heads=32,
    kv_heads=8,
    context=131_072,
    feed_forward=8192,
    vocab=128_256,
    extra={".attention.key_length": 64, ".attention.value_length": 64},
)
GPT_OSS_120B = gguf.llama(
    "gpt-oss",
    layers=36,
    embedding=2880,
    heads=64,
    kv_heads=8,
    context=131_072,
    feed_forward=2880,
    vocab=201_088,
    file_type=38,
    extra={
        ".attention.key_length": 64,
        ".attention.value_length": 64,
        ".attention.sliding_window": 128,
        ".expert_count": 128,
        ".expert_used_count": 4,
    },
)
BGE_SMALL = gguf.llama(
    "bert",
    layers=12,
    embedding=384,
    heads=12,
    kv_heads=12,
    context=512,
    feed_forward=1536,
    vocab=30_522,
    file_type=1,
    extra={".attention.causal": False},
)
QWEN3_CONFIG: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "hidden_size": 4096,
    "intermediate_size": 12_288,
    "vocab_size": 151_936,
    "max_position_embeddings": 40_960,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
LLAMA_70B_CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "hidden_size": 8192,
    "intermediate_size": 28_672,
    "vocab_size": 128_256,
    "max_position_embeddings": 131_072,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
GPT_OSS_CONFIG: dict[str, Any] = {
    "architectures": ["GptOssForCausalLM"],
    "model_type": "gpt_oss",
    "num_hidden_layers": 36,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "vocab_size": 201_088,
    "max_position_embeddings": 131_072,
    "tie_word_embeddings": False,
    "sliding_window": 128,
    "layer_types": ["sliding_attention", "full_attention"] * 18,
    "num_local_experts": 128,
    "num_experts_per_tok": 4,
    "quantization_config": {"quant_method": "mxfp4"},
}


def weights(gibibytes: float) -> Sparse:
    """A file of weights that no test reads."""
    return Sparse(b"", int(gibibytes * GIB))


def text(value: object) -> bytes:
    return json.dumps(value).encode()


def shards(stem: str, count: int, gibibytes: float) -> dict[str, bytes | Sparse]:
    """``count`` safetensors files and the index that names them."""
    names = [f"{stem}-{number:05}-of-{count:05}.safetensors" for number in range(1, count + 1)]
    index = {"metadata": {}, "weight_map": {f"layer.{i}": name for i, name in enumerate(names)}}
    files: dict[str, bytes | Sparse] = {name: weights(gibibytes) for name in names}
    return {**files, "model.safetensors.index.json": text(index)}


def conversion(
    repo: str,
    base: str,
    keys: Mapping[str, gguf.Value],
    parameters: int,
    sizes: Mapping[str, float],
    extra: Mapping[str, bytes | Sparse] | None = None,
    **more: Any,
) -> Repo:
    """A repository of GGUF files: names to gibibytes."""
    name = str(keys["general.architecture"])
    facts = {
        "total": parameters,
        "architecture": name,
        "context_length": keys[f"{name}.context_length"],
        "chat_template": more.pop("template", TEMPLATE),
    }
    head = gguf.header(keys)[:HEAD]
    files = {path: Sparse(head, int(size * GIB)) for path, size in sizes.items()}
    card = {"license": more.pop("licence", "apache-2.0"), "base_model": base}
    readme: dict[str, bytes | Sparse] = {"README.md": b"# A model\n"}
    return Repo(
        repo, {**readme, **files, **(extra or {})}, library_name=None, card=card, gguf=facts, **more
    )


def _split(stem: str, parts: int, gibibytes: float) -> dict[str, float]:
    return {f"{stem}-{n:05}-of-{parts:05}.gguf": gibibytes for n in range(1, parts + 1)}


REPOS: Sequence[Repo] = (
    conversion(
        "Qwen/Qwen3-8B-GGUF",
        "Qwen/Qwen3-8B",
        QWEN3_8B,
        8_190_735_360,
        {
            "Qwen3-8B-Q4_K_M.gguf": 4.68,
            "Qwen3-8B-Q5_K_M.gguf": 5.45,
            "Qwen3-8B-Q6_K.gguf": 6.26,
            "Qwen3-8B-Q8_0.gguf": 8.11,
            **_split("BF16/Qwen3-8B-BF16", 2, 7.63),
        },
        {"imatrix.gguf": weights(0.005)},
        downloads=210_000,
        likes=180,
        trending=9,
    ),
    conversion(
        "unsloth/Qwen3-8B-GGUF",
        "Qwen/Qwen3-8B",
        QWEN3_8B,
        8_190_735_360,
        {"Qwen3-8B-UD-Q4_K_XL.gguf": 4.79, "Qwen3-8B-UD-IQ1_S.gguf": 2.16},
        downloads=95_000,
    ),
    Repo(
        "Qwen/Qwen3-8B",
        {"config.json": text(QWEN3_CONFIG), **shards("model", 5, 3.05), "README.md": b"# Qwen3\n"},
        tags=("conversational",),
        card={"license": "apache-2.0", "base_model": "Qwen/Qwen3-8B-Base"},
        config={
            "architectures": ["Qwen3ForCausalLM"],
            "model_type": "qwen3",
            "tokenizer_config": {"chat_template": TEMPLATE},
        },
        safetensors={"BF16": 8_190_735_360},
        downloads=6_400_000,
        likes=800,
        trending=21,
    ),
    Repo(
        "meta-llama/Llama-3.3-70B-Instruct",
        {
            "config.json": text(LLAMA_70B_CONFIG),
            **shards("model", 30, 4.38),
            "original/consolidated.00.pth": weights(131),
        },
        gated="manual",
        tags=("conversational",),
        card={"license": "llama3.3"},
        config={
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "tokenizer_config": {"chat_template": "{% if tools %}{% endif %}"},
        },
        safetensors={"BF16": 70_553_706_496},
        downloads=900_000,
        likes=2500,
    ),
    conversion(
        "bartowski/Llama-3.3-70B-Instruct-GGUF",
        "meta-llama/Llama-3.3-70B-Instruct",
        gguf.llama(
            "llama",
            layers=80,
            embedding=8192,
            heads=64,
            kv_heads=8,
            context=131_072,
            feed_forward=28_672,
            vocab=128_256,
        ),
        70_553_706_496,
        {"Llama-3.3-70B-Instruct-Q4_K_M.gguf": 39.6, "Llama-3.3-70B-Instruct-IQ2_XS.gguf": 19.7},
        licence="llama3.3",
        downloads=40_000,
    ),
    conversion(
        "ggml-org/gemma-3-12b-it-GGUF",
        "google/gemma-3-12b-it",
        GEMMA3_12B,
        11_765_788_416,
        {
            "gemma-3-12b-it-Q4_K_M.gguf": 6.8,
            "gemma-3-12b-it-Q8_0.gguf": 11.65,
            "gemma-3-12b-it-f16.gguf": 21.92,
        },
        {"mmproj-model-f16.gguf": weights(0.8), "mmproj-model-Q8_0.gguf": weights(0.5)},
        licence="gemma",
        pipeline_tag="image-text-to-text",
        template="{{ messages }}",
        downloads=70_000,
    ),
    conversion(
        "bartowski/Llama-3.2-1B-Instruct-GGUF",
        "meta-llama/Llama-3.2-1B-Instruct",
        LLAMA_32_1B,
        1_235_814_432,
        {"Llama-3.2-1B-Instruct-Q4_K_M.gguf": 0.752, "Llama-3.2-1B-Instruct-Q8_0.gguf": 1.23},
        licence="llama3.2",
        downloads=120_000,
    ),
    conversion(
        "ggml-org/gpt-oss-120b-GGUF",
        "openai/gpt-oss-120b",
        GPT_OSS_120B,
        116_829_156_672,
        _split("gpt-oss-120b-mxfp4", 3, 19.7),
        downloads=300_000,
        likes=90,
    ),
    Repo(
        "openai/gpt-oss-120b",
        {
            "config.json": text(GPT_OSS_CONFIG),
            **shards("model", 15, 4.05),
            "metal/model.bin": weights(60.8),
            **{f"original/model--{n:05}-of-00007.safetensors": weights(8.7) for n in range(1, 8)},
            "chat_template.jinja": b"{{ reasoning_effort }}",
        },
        tags=("conversational", "mxfp4"),
        card={"license": "apache-2.0"},
        config={
            "architectures": ["GptOssForCausalLM"],
            "model_type": "gpt_oss",
            "quantization_config": {"quant_method": "mxfp4"},
            "chat_template_jinja": "{{ reasoning_effort }}{{ tools }}",
        },
        safetensors={"BF16": 2_167_371_072, "U8": 118_244_966_400},
        downloads=3_800_000,
        likes=4200,
        trending=15,
    ),
    conversion(
        "CompendiumLabs/bge-small-en-v1.5-gguf",
        "BAAI/bge-small-en-v1.5",
        BGE_SMALL,
        33_212_160,
        {"bge-small-en-v1.5-f16.gguf": 0.0625, "bge-small-en-v1.5-q8_0.gguf": 0.0343},
        licence="mit",
        pipeline_tag="feature-extraction",
        template="",
        downloads=25_000,
    ),
    Repo(
        "black-forest-labs/FLUX.1-schnell",
        {
            "model_index.json": b"{}",
            "flux1-schnell.safetensors": weights(22.1),
            "transformer/config.json": b"{}",
        },
        pipeline_tag="text-to-image",
        library_name="diffusers",
        tags=("diffusers",),
        card={"license": "apache-2.0"},
        downloads=700_000,
    ),
    Repo(
        "acme/secret-model",
        {"config.json": text(QWEN3_CONFIG), "model.safetensors": weights(1)},
        private=True,
    ),
)
RENAMED: Mapping[str, str] = {
    "Qwen-Team/Qwen3-8B-GGUF": "Qwen/Qwen3-8B-GGUF",
    "openai-community/gpt-oss-120b": "openai/gpt-oss-120b",
}
