"""Shapes of well-known models, from their published configurations."""

from __future__ import annotations

from wizard.registry.values import Architecture, Format, ModelFile, Variant

LLAMA_8B = Architecture(
    name="llama",
    layers=32,
    embedding_length=4096,
    heads=32,
    kv_heads=(8,) * 32,
    key_length=128,
    value_length=128,
    context_length=131072,
    vocab_size=128256,
    feed_forward_length=14336,
    dtype="bfloat16",
)
LLAMA_70B = Architecture(
    name="llama",
    layers=80,
    embedding_length=8192,
    heads=64,
    kv_heads=(8,) * 80,
    key_length=128,
    value_length=128,
    context_length=131072,
    vocab_size=128256,
    feed_forward_length=28672,
    dtype="bfloat16",
)
QWEN3_0_6B = Architecture(
    name="qwen3",
    layers=28,
    embedding_length=1024,
    heads=16,
    kv_heads=(8,) * 28,
    key_length=128,
    value_length=128,
    context_length=40960,
    vocab_size=151936,
    feed_forward_length=3072,
    tied_embeddings=True,
)
GEMMA3_27B = Architecture(
    name="gemma3",
    layers=62,
    embedding_length=5376,
    heads=32,
    kv_heads=(16,) * 62,
    key_length=128,
    value_length=128,
    context_length=131072,
    vocab_size=262144,
    feed_forward_length=21504,
    sliding_window=1024,
    sliding_layers=tuple(layer % 6 != 5 for layer in range(62)),
    tied_embeddings=True,
)
GPT_OSS_20B = Architecture(
    name="gpt-oss",
    layers=24,
    embedding_length=2880,
    heads=64,
    kv_heads=(8,) * 24,
    key_length=64,
    value_length=64,
    context_length=131072,
    vocab_size=201088,
    feed_forward_length=2880,
    sliding_window=128,
    sliding_layers=tuple(layer % 2 == 0 for layer in range(24)),
    experts=32,
    experts_used=4,
    quant_method="mxfp4",
)
DEEPSEEK_V3 = Architecture(
    name="deepseek2",
    layers=61,
    embedding_length=7168,
    heads=128,
    kv_heads=(1,) * 61,
    key_length=576,
    value_length=512,
    context_length=163840,
    vocab_size=129280,
    feed_forward_length=18432,
    kv_lora_rank=512,
    rope_dimension=64,
    experts=256,
    experts_used=8,
    quant_method="fp8",
)
QWEN3_NEXT_80B = Architecture(
    name="qwen3next",
    layers=48,
    embedding_length=2048,
    heads=16,
    kv_heads=tuple(2 if layer % 4 == 3 else 0 for layer in range(48)),
    key_length=256,
    value_length=256,
    context_length=262144,
    vocab_size=151936,
    feed_forward_length=5120,
    recurrent_layers=tuple(layer % 4 != 3 for layer in range(48)),
    ssm_conv_kernel=4,
    ssm_inner_size=4096,
    ssm_state_size=128,
    ssm_group_count=16,
    experts=512,
    experts_used=10,
)
GEMMA3N_E4B = Architecture(
    name="gemma3n",
    layers=35,
    embedding_length=2048,
    heads=8,
    kv_heads=(2,) * 35,
    key_length=256,
    value_length=256,
    context_length=32768,
    vocab_size=262144,
    feed_forward_length=16384,
    sliding_window=512,
    sliding_layers=tuple(layer % 5 != 4 for layer in range(35)),
    shared_kv_layers=15,
    tied_embeddings=True,
)
FALCON_H1_7B = Architecture(
    name="falcon-h1",
    layers=44,
    embedding_length=3072,
    heads=12,
    kv_heads=(2,) * 44,
    key_length=128,
    value_length=128,
    context_length=262144,
    vocab_size=130048,
    feed_forward_length=12288,
    recurrent_layers=(True,) * 44,
    ssm_conv_kernel=4,
    ssm_inner_size=3072,
    ssm_state_size=256,
    ssm_group_count=1,
)
MAMBA_2_8B = Architecture(
    name="mamba",
    layers=64,
    embedding_length=2560,
    heads=0,
    kv_heads=(0,) * 64,
    key_length=0,
    value_length=0,
    context_length=1048576,
    vocab_size=50280,
    recurrent_layers=(True,) * 64,
    ssm_conv_kernel=4,
    ssm_inner_size=5120,
    ssm_state_size=16,
)
BGE_M3 = Architecture(
    name="bert",
    layers=24,
    embedding_length=1024,
    heads=16,
    kv_heads=(16,) * 24,
    key_length=64,
    value_length=64,
    context_length=8192,
    vocab_size=250002,
    feed_forward_length=4096,
    causal=False,
)
ALL = (
    LLAMA_8B,
    LLAMA_70B,
    QWEN3_0_6B,
    GEMMA3_27B,
    GPT_OSS_20B,
    DEEPSEEK_V3,
    QWEN3_NEXT_80B,
    GEMMA3N_E4B,
    FALCON_H1_7B,
    MAMBA_2_8B,
    BGE_M3,
)


def gguf(size: int, quantisation: str = "Q4_K_M", parameters: int | None = None) -> Variant:
    """A GGUF of one file."""
    return Variant(
        quantisation,
        Format.GGUF,
        quantisation,
        (ModelFile("model.gguf", size),),
        parameters=parameters,
    )


def safetensors(size: int, parameters: int | None = None) -> Variant:
    """A safetensors checkpoint in files of at most five gigabytes."""
    part = 5 * 10**9
    sizes = [min(part, size - start) for start in range(0, size, part)]
    files = tuple(ModelFile(f"model-{i}.safetensors", each) for i, each in enumerate(sizes))
    return Variant("bf16", Format.SAFETENSORS, "bf16", files, parameters=parameters)


LLAMA_8B_Q4 = gguf(4_920_734_272, parameters=8_030_261_312)
LLAMA_8B_BF16 = safetensors(16_060_522_496, parameters=8_030_261_312)
