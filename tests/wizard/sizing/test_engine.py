"""The estimate against llama.cpp itself: the buffers that it reports for real files."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.standins import gguf
from tests.wizard.sizing import engine_probe
from wizard.registry import gguf_header
from wizard.registry.values import Architecture, Format, ModelFile, Variant
from wizard.sizing import estimate
from wizard.sizing.values import Workload

MIB = 1 << 20
VOCABULARY = 1000
WIDTH, HEADS, FORWARD = 256, 8, 1024


def shape(
    name: str, layers: int, kv_heads: int, head: int, window: int = 0, period: int = 1
) -> Architecture:
    return Architecture(
        name=name,
        layers=layers,
        embedding_length=WIDTH,
        heads=HEADS,
        kv_heads=(kv_heads,) * layers,
        key_length=head,
        value_length=head,
        context_length=131072,
        vocab_size=VOCABULARY,
        feed_forward_length=FORWARD,
        sliding_window=window,
        sliding_layers=tuple(layer % period != period - 1 for layer in range(layers)),
        tied_embeddings=name.startswith("gemma"),
    )


def keys(architecture: Architecture) -> dict[str, gguf.Value]:
    """The header, with a vocabulary that llama.cpp can load."""
    name = architecture.name
    extra: dict[str, gguf.Value] = {
        ".attention.key_length": architecture.key_length,
        ".attention.value_length": architecture.value_length,
        ".attention.layer_norm_rms_epsilon": 1e-5,
        ".rope.dimension_count": architecture.key_length,
    }
    if architecture.sliding_window:
        extra[".attention.sliding_window"] = architecture.sliding_window
    own = gguf.llama(
        name,
        layers=architecture.layers,
        embedding=WIDTH,
        heads=HEADS,
        kv_heads=architecture.kv_heads[0],
        context=architecture.context_length,
        feed_forward=FORWARD,
        extra=extra,
    )
    numbered = [f"<0x{byte:02X}>" for byte in range(256)]
    words = [f"t{i}" for i in range(VOCABULARY - 259)]
    kinds = [2, 3, 3] + [6] * 256 + [1] * len(words)
    own["tokenizer.ggml.model"] = "llama"
    own["tokenizer.ggml.tokens"] = ["<unk>", "<s>", "</s>", *numbered, *words]
    own["tokenizer.ggml.scores"] = [0.0] * VOCABULARY
    own["tokenizer.ggml.token_type"] = [gguf.Typed(5, kind) for kind in kinds]
    return own


def tensors(architecture: Architecture) -> dict[str, list[int]]:
    head, kv_heads = architecture.key_length, architecture.kv_heads[0]
    found = {"token_embd.weight": [WIDTH, VOCABULARY], "output_norm.weight": [WIDTH]}
    if not architecture.tied_embeddings:
        found["output.weight"] = [WIDTH, VOCABULARY]
    block = {
        "attn_norm": [WIDTH],
        "attn_q": [WIDTH, HEADS * head],
        "attn_k": [WIDTH, kv_heads * head],
        "attn_v": [WIDTH, kv_heads * head],
        "attn_output": [HEADS * head, WIDTH],
        "ffn_norm": [WIDTH],
        "ffn_gate": [WIDTH, FORWARD],
        "ffn_up": [WIDTH, FORWARD],
        "ffn_down": [FORWARD, WIDTH],
    }
    if architecture.name.startswith("gemma"):
        norms = {"post_attention_norm": [WIDTH], "post_ffw_norm": [WIDTH]}
        block |= norms
    if architecture.name in ("gemma3", "qwen3"):
        block |= {"attn_q_norm": [head], "attn_k_norm": [head]}
    for layer in range(architecture.layers):
        found |= {f"blk.{layer}.{name}.weight": size for name, size in block.items()}
    return found


def reported(path: Path, workload: Workload) -> dict[str, float]:
    """MiB of each kind of buffer in llama.cpp's log."""
    total = str(workload.context_length * (1 if workload.unified_kv else workload.slots))
    kind = "unified" if workload.unified_kv else "own"
    probe = engine_probe.__file__
    done = subprocess.run(
        [sys.executable, probe, str(path), total, str(workload.slots), kind],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    sums: dict[str, float] = {}
    for name, size in re.findall(r"(model|KV|RS|compute) buffer size = +([\d.]+) MiB", done.stderr):
        sums[name] = sums.get(name, 0.0) + float(size)
    return sums


@pytest.mark.parametrize(
    "architecture",
    [
        shape("llama", 8, 2, 64),
        shape("qwen3", 6, 4, 128),
        shape("gemma2", 8, 4, 64, window=512, period=2),
        shape("gemma3", 12, 4, 64, window=512, period=6),
    ],
    ids=lambda architecture: architecture.name,
)
@pytest.mark.parametrize(
    "workload",
    [
        Workload(1024, slots=1, gpus=0),
        Workload(3000, slots=3, gpus=0),
        Workload(2048, slots=4, gpus=0, unified_kv=True),
    ],
    ids=["one", "several", "unified"],
)
def test_buffers_are_what_llama_cpp_reports(
    tmp_path: Path, architecture: Architecture, workload: Workload
) -> None:
    path = tmp_path / "model.gguf"
    content = gguf.file(keys(architecture), tensors(architecture))
    path.write_bytes(content)
    sizes = gguf_header.parse(content).tensor_sizes()
    files = (ModelFile("model.gguf", len(content)),)
    variant = Variant("F32", Format.GGUF, "F32", files, tensors=sizes)
    found = estimate(architecture, variant, workload)
    engine = reported(path, workload)
    assert found.weights / MIB == pytest.approx(engine["model"], rel=0.001, abs=0.02)
    assert found.kv_cache / MIB == pytest.approx(engine["KV"], abs=0.02)
    assert engine["compute"] - 0.02 <= found.compute / MIB <= engine["compute"] * 1.25
