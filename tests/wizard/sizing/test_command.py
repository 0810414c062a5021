"""``manage.py estimate``: figures from a header or a config, and a sentence for all else."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from tests.standins import gguf
from tests.standins.huggingface import HuggingFaceStandIn
from tests.standins.huggingface_models import conversion

LLAMA: dict[str, Any] = {
    "general.architecture": "llama",
    "general.file_type": 15,
    "llama.block_count": 32,
    "llama.context_length": 131072,
    "llama.embedding_length": 4096,
    "llama.feed_forward_length": 14336,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
    "llama.vocab_size": 128256,
}
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 80,
    "hidden_size": 8192,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "intermediate_size": 28672,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "dtype": "bfloat16",
}
BUFFERS = (
    "weights_gpu",
    "weights_host",
    "kv_cache",
    "recurrent_state",
    "compute",
    "projector",
    "runtime",
    "total_gpu",
    "total_host",
)


def document(folder: Path, found: object) -> str:
    path = folder / "document.json"
    path.write_text(found if isinstance(found, str) else json.dumps(found))
    return str(path)


def header(folder: Path, **changes: Any) -> str:
    keys = {**LLAMA, **{f"llama.{key}": value for key, value in changes.items()}}
    kept = {key: value for key, value in keys.items() if value is not None}
    return document(folder, {"keys": kept, "file_bytes": 4_920_734_272})


def run(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("estimate", *arguments, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_it_works(tmp_path: Path) -> None:
    found = run("--header", header(tmp_path), "--context", "8192", "--slots", "1")
    assert all(isinstance(found[name], int) for name in BUFFERS)
    assert found["kv_cache"] == 131072 * 8192
    assert found["kv_bytes_per_token"] == 131072
    on_card = ("weights_gpu", "kv_cache", "recurrent_state", "compute", "projector", "runtime")
    assert found["total_gpu"] == sum(found[name] for name in on_card)
    assert found["total_host"] == found["weights_host"] + found["compute_host"]


def test_slots_share_the_context_unless_told_otherwise(tmp_path: Path) -> None:
    asked = ("--header", header(tmp_path), "--context", "8192", "--slots", "4")
    assert run(*asked)["kv_cache"] == 131072 * 8192
    assert run(*asked, "--no-kv-unified")["kv_cache"] == 131072 * 8192 * 4


def test_keys_and_values_may_have_types_of_their_own(tmp_path: Path) -> None:
    asked = ("--header", header(tmp_path), "--context", "8192", "--kv")
    assert run(*asked, "q8_0/q4_0")["kv_cache"] == 32 * 1024 * (34 + 18) // 32 * 8192
    plain = run(*asked, "q8_0/f16", "--flash-attention", "off")["kv_cache"]
    assert plain == 32 * (1024 * 34 // 32 + 1024 * 2) * 8192


@pytest.mark.parametrize(
    ("keys", "kv", "sentence"),
    [
        ({"attention.key_length": 80}, "q8_0/f16", "heads have 80"),
        ({"attention.value_length": 80}, "f16/q8_0", "heads have 80"),
    ],
)
def test_types_that_llama_cpp_does_not_load_a_model_with_are_refused(
    tmp_path: Path, keys: dict[str, int], kv: str, sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        run("--header", header(tmp_path, **keys), "--kv", kv)


def test_layers_that_draft_are_loaded_with_a_cache_of_their_own(tmp_path: Path) -> None:
    keys = {"block_count": 33, "nextn_predict_layers": 1}
    asked = ("--header", header(tmp_path, **keys), "--context", "8192", "--kv", "q8_0")
    plain, drafting = run(*asked), run(*asked, "--spec-type", "draft-mtp")
    assert drafting["kv_cache"] == plain["kv_cache"] + 2 * 1024 * 2 * 8192
    assert drafting["weights_gpu"] > plain["weights_gpu"]
    assert plain["compute"] < drafting["compute"] < 2 * plain["compute"]


def test_without_a_card_everything_is_in_ram(tmp_path: Path) -> None:
    found = run("--header", header(tmp_path), "--backend", "cpu")
    assert found["total_gpu"] == found["weights_gpu"] == 0
    assert found["total_host"] > found["weights_host"] + found["kv_cache"]


def test_weights_that_the_cpu_repacks_are_in_ram_twice(tmp_path: Path) -> None:
    found = run("--header", header(tmp_path), "--backend", "cpu")
    held = ("weights_host", "repacked", "kv_cache", "recurrent_state", "compute_host")
    assert 0 < found["repacked"] < found["weights_host"]
    assert found["total_host"] >= sum(found[name] for name in held)
    assert not run("--header", header(tmp_path))["repacked"]


def test_layers_may_stay_in_ram(tmp_path: Path) -> None:
    asked = ("--header", header(tmp_path), "--context", "8192", "--slots", "1", "--gpu-layers")
    half, none, whole = (run(*asked, count) for count in ("17", "0", "all"))
    assert half["kv_cache"] == half["kv_cache_host"] == whole["kv_cache"] // 2
    assert none["weights_gpu"] == none["kv_cache"] == whole["kv_cache_host"] == 0
    for found in (half, none, whole):
        names = ("weights_host", "compute_host", "kv_cache_host", "recurrent_state_host")
        assert found["total_host"] == sum(found[name] for name in names)


def test_flash_attention_is_turned_off_where_a_card_has_no_kernel(tmp_path: Path) -> None:
    """Heads of 24: as llama.cpp, unless it is told to insist; the output alone needs none."""
    odd = {"attention.key_length": 24, "attention.value_length": 24}
    asked = ("--header", header(tmp_path, **odd), "--context", "8192", "--flash-attention")
    assert run(*asked[:-1]) == run(*asked, "auto")
    assert run(*asked, "auto")["compute"] > 1.5 * run(*asked, "on")["compute"]
    one = ("auto", "--gpu-layers", "1")
    assert run(*asked, *one)["compute"] == run(*asked, "on", *one[1:])["compute"]


@pytest.mark.parametrize("count", ["-1", "-2", "auto"])
def test_all_layers_in_the_words_of_llama_cpp(tmp_path: Path, count: str) -> None:
    path = header(tmp_path)
    assert run("--header", path, f"--gpu-layers={count}") == run("--header", path)


@pytest.mark.parametrize("count", ["-3", "half", "1e3", "99999999999"])
def test_layers_are_a_number_or_all(tmp_path: Path, count: str) -> None:
    with pytest.raises(CommandError, match="neither a number of layers nor"):
        run("--header", header(tmp_path), f"--gpu-layers={count}")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--gpu-layers", "20", "--backend", "cpu"), "--gpu-layers needs --backend cuda"),
        (("--tensor-parallel", "2"), "llama.cpp splits layers over --gpus"),
        (("--slots", "257"), "at most 256 requests"),
        (("--gpus", "17"), "at most 16 cards"),
    ],
)
def test_options_that_llama_cpp_does_not_have_are_refused(
    tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        run("--header", header(tmp_path), *options)


def test_a_file_at_hand_is_to_be_corrected(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Correct the file"):
        run("--header", header(tmp_path, context_length=None))


def test_bytes_may_be_told_beside_the_document(tmp_path: Path) -> None:
    path = document(tmp_path, {"keys": LLAMA})
    found = run("--header", path, "--file-bytes", "4920734272")
    assert found == run("--header", header(tmp_path))


def test_a_file_too_small_for_its_shapes_is_rough(tmp_path: Path) -> None:
    assert not run("--header", header(tmp_path), "--file-bytes", "1000")["is_exact"]


def test_a_named_card_tells_what_cuda_takes(tmp_path: Path) -> None:
    cards = ("rtx4060ti", "rtx3090", "a100", "h200")
    found = [run("--header", header(tmp_path), "--card", card)["runtime"] for card in cards]
    assert found == sorted(found)
    assert run("--header", header(tmp_path))["runtime"] == found[3]


def test_embeddings_need_the_logits_of_every_token(tmp_path: Path) -> None:
    asked = ("--header", header(tmp_path), "--context", "8192", "--slots", "1")
    more = run(*asked, "--embeddings")["compute"] - run(*asked)["compute"]
    assert more > 128256 * 512 * 4 / 2


def test_a_gguf_file_is_read_with_its_tensors(tmp_path: Path) -> None:
    keys = gguf.llama(layers=2, embedding=64, heads=4, kv_heads=2, vocab=32)
    shapes = {"token_embd.weight": [64, 32], "output.weight": [64, 32]}
    blocks = {f"blk.{layer}.ffn_up.weight": [64, 128] for layer in range(2)}
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf.file(keys, shapes | blocks))
    found = run("--header", str(path), "--context", "256", "--slots", "1")
    assert found["weights_host"] == 64 * 32 * 4
    assert found["weights_gpu"] == 64 * 32 * 4 + 2 * 64 * 128 * 4


def test_a_file_of_a_registry_is_read_with_its_tensors_where_these_change_the_answer(
    settings: Settings,
) -> None:
    settings.OFFLINE = False
    keys = gguf.llama(layers=2, embedding=256, heads=4, kv_heads=2, vocab=32)
    tables = {"token_embd.weight": [256, 32], "output.weight": [256, 32]}
    packed = gguf.file(keys, tables | {"blk.0.ffn_up.weight": [256, 512]})
    with HuggingFaceStandIn() as hub:
        settings.HUGGING_FACE_URL, settings.REGISTRY_TIMEOUT = hub.url, 60.0
        hub.add(conversion("acme/packed", "acme/m", keys, 10**6, {}, {"M-Q4_0.gguf": packed}))
        assert run("hf.co/acme/packed:Q4_0")["weights_gpu"] == 4 * 256 * (32 + 512)
        hub.cdn.requests.clear()
        run("hf.co/Qwen/Qwen3-8B-GGUF:Q4_K_M")
        assert [request.headers["range"] for request in hub.cdn.requests] == ["bytes=0-65535"]


def test_a_file_cut_off_within_its_header_needs_the_models_bytes(tmp_path: Path) -> None:
    keys = gguf.llama(layers=2, embedding=64, heads=4, kv_heads=2, vocab=5000)
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf.header(keys)[:-100])
    with pytest.raises(CommandError, match="--file-bytes"):
        run("--header", str(path))
    assert run("--header", str(path), "--file-bytes", "3000000")["weights_gpu"] > 0


def test_parts_of_a_split_file_are_read_together(tmp_path: Path) -> None:
    keys = gguf.llama(layers=1, embedding=64, heads=4, kv_heads=2, vocab=32)
    first = {**keys, "split.count": 2}
    parts = (
        gguf.file(first, {"token_embd.weight": [64, 32], "output.weight": [64, 32]}),
        gguf.file({"split.count": 2}, {"blk.0.ffn_up.weight": [64, 128]}),
    )
    for number, content in enumerate(parts, 1):
        (tmp_path / f"model-{number:05}-of-00002.gguf").write_bytes(content)
    path = tmp_path / "model-00001-of-00002.gguf"
    found = run("--header", str(path), "--context", "256", "--slots", "1")
    assert found["weights_gpu"] == 64 * 32 * 4 + 64 * 128 * 4
    assert found["disk_needed"] > sum(map(len, parts))
    (tmp_path / "model-00002-of-00002.gguf").unlink()
    with pytest.raises(CommandError, match=r"model-00002-of-00002\.gguf cannot be read"):
        run("--header", str(path))


@pytest.mark.parametrize(
    "tensors",
    [
        {"token_embd.weight": 8192, "blk.0.ffn_up.weight": 4096},
        [
            {"name": "token_embd.weight", "bytes": 8192},
            {"name": "blk.0.ffn_up.weight", "type": "F32", "shape": [32, 32]},
        ],
    ],
    ids=["bytes", "shapes"],
)
def test_a_document_may_tell_its_tensors(tmp_path: Path, tensors: object) -> None:
    found = {"keys": LLAMA, "file_bytes": 20000, "tensors": tensors}
    answer = run("--header", document(tmp_path, found))
    assert (answer["weights_gpu"], answer["weights_host"]) == (8192 + 4096, 8192)


def test_names_of_tensors_tell_whether_embeddings_are_tied(tmp_path: Path) -> None:
    named = {"keys": LLAMA, "file_bytes": 4_920_734_272, "tensors": ["token_embd.weight"]}
    tied = run("--header", document(tmp_path, named))
    assert tied["weights_gpu"] > run("--header", header(tmp_path))["weights_gpu"]


def test_a_config_is_for_vllm(tmp_path: Path) -> None:
    path = document(tmp_path, CONFIG)
    size = ("--file-bytes", "141000000000", "--context", "8192")
    one, two = (run("--config", path, *size, "--tensor-parallel", count) for count in "12")
    tables = 131_072 * 128 * 2
    assert one["weights_gpu"] - tables == 141_000_000_000 == (two["weights_gpu"] - tables) * 2
    assert one["kv_bytes_per_token"] == 327680 == two["kv_bytes_per_token"] * 2
    assert one["kv_cache"] == 327680 * 8192


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--backend", "cpu"), "--backend cuda only"),
        (("--kv", "q4_0"), "vLLM has no q4_0 KV cache"),
        (("--kv", "f16/fp8"), "keys and values in one type"),
        (("--spec-type", "draft-mtp"), "drafts are not estimated"),
        (("--cpu-moe",), "--cpu-moe is llama.cpp's"),
        (("--n-cpu-moe", "4"), "--cpu-moe is llama.cpp's"),
        (("--swa-full",), "--swa-full is llama.cpp's"),
        (("--lora-bytes", "1000"), "room aside for adapters by their rank"),
    ],
)
def test_choices_that_vllm_has_not(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        run("--config", document(tmp_path, CONFIG), "--file-bytes", "1000000", *arguments)


def test_experts_and_adapters(tmp_path: Path) -> None:
    path = header(tmp_path, expert_count=8, expert_used_count=2)
    plain, moved = run("--header", path), run("--header", path, "--cpu-moe")
    assert moved["weights_gpu"] < plain["weights_gpu"] / 2
    assert moved["weights_host"] > plain["weights_gpu"] / 2
    adapted = run("--header", path, "--lora-bytes", "1000000")
    assert adapted["weights_gpu"] == plain["weights_gpu"] + 1_000_000


def test_experts_of_the_first_layers_alone_may_stay_in_ram(tmp_path: Path) -> None:
    path = header(tmp_path, expert_count=8, expert_used_count=2)
    plain, half, moved = (
        run("--header", path, *told) for told in ((), ("--n-cpu-moe", "16"), ("--cpu-moe",))
    )
    assert run("--header", path, "--n-cpu-moe", "0") == plain
    assert run("--header", path, "--n-cpu-moe", "99") == moved
    middle = (plain["weights_gpu"] + moved["weights_gpu"]) / 2
    # A mix keeps more bits in some layers than in others.
    assert half["weights_gpu"] == pytest.approx(middle, rel=0.05)
    both = ("weights_gpu", "weights_host")
    told = sum(plain[name] for name in both)
    assert sum(half[name] for name in both) == pytest.approx(told, abs=4)


def test_layers_that_slide_may_keep_all(tmp_path: Path) -> None:
    path = document(
        tmp_path,
        {
            "keys": {
                **{key.replace("llama", "gemma3"): value for key, value in LLAMA.items()},
                "general.architecture": "gemma3",
                "gemma3.attention.sliding_window": 1024,
            },
            "file_bytes": 5_000_000_000,
        },
    )
    asked = ("--header", path, "--context", "32768", "--slots", "1")
    short, whole = run(*asked), run(*asked, "--swa-full")
    assert whole["kv_cache"] == 32 * 2 * 8 * 128 * 2 * 32768 > 4 * short["kv_cache"]
    assert whole["compute"] > short["compute"]
    assert whole["host_needed"] < short["host_needed"]


def test_no_context_is_all_that_the_model_reads(tmp_path: Path) -> None:
    path = header(tmp_path, context_length=40960)
    told, none = (run("--header", path, "--context", count) for count in ("40960", "0"))
    assert told == none


def test_a_card_tells_what_it_holds(tmp_path: Path) -> None:
    found = run("--header", header(tmp_path), "--card", "rtx3090")["card"]
    assert found["fits"]
    assert found["largest_context"] == 131072
    assert found["tokens_per_second"] > found["usd_per_million_tokens"] > 0
    out = StringIO()
    call_command("estimate", "--header", header(tmp_path), "--card", "rtx3090", stdout=out)
    assert "tokens a second, estimated" in out.getvalue()


def test_left_experts_are_slow(tmp_path: Path) -> None:
    path = header(tmp_path, expert_count=8, expert_used_count=2)
    plain = run("--header", path, "--card", "rtx3090")["card"]
    moved = run("--header", path, "--card", "rtx3090", "--cpu-moe")["card"]
    assert moved["tokens_per_second"] < plain["tokens_per_second"] / 3


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ("no JSON", "neither a GGUF file nor JSON"),
        ([1], "no JSON object"),
        ({"file_bytes": 1}, "no “keys”"),
        ({"keys": LLAMA}, "“file_bytes”"),
        ({"keys": LLAMA, "file_bytes": -1}, "“file_bytes”"),
        ({"keys": {}, "file_bytes": 1}, "no “keys”"),
        ({"keys": {"a": 1}, "file_bytes": 1}, "lacks general.architecture"),
        ({"keys": {"general.architecture": "clip"}, "file_bytes": 1}, "as --projector-bytes"),
        ({"keys": {**LLAMA, "general.type": "adapter"}, "file_bytes": 1}, "as --lora-bytes"),
        ({"keys": LLAMA, "file_bytes": 1, "tensors": 3}, "“tensors”"),
        ({"keys": LLAMA, "file_bytes": 1, "tensors": [{}]}, "has no name"),
        ({"keys": LLAMA, "file_bytes": 1, "tensors": {"a": -1}}, "no sane size"),
        ({"keys": {**LLAMA, "llama.block_count": 10**9}, "file_bytes": 1}, "block_count"),
        ({"keys": {**LLAMA, "llama.block_count": "many"}, "file_bytes": 1}, "block_count"),
        ({"keys": {**LLAMA, "llama.vocab_size": {"a": 1}}, "file_bytes": 1}, "vocab_size"),
        ('{"keys": ' + "[" * 100_000, "JSON"),
    ],
)
def test_what_is_wrong_with_a_document_is_said(
    tmp_path: Path, found: object, sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        run("--header", document(tmp_path, found))


def test_missing_keys_are_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"lacks llama\.block_count"):
        run("--header", header(tmp_path, block_count=None))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Give one of"),
        (("llama3.1:8b", "--header", "x"), "Give one of"),
        (("--header", "/nowhere/at-all"), "cannot be read"),
        (("--config", "/nowhere/at-all"), "--file-bytes"),
        (("--config", "/nowhere/at-all", "--file-bytes", "1"), "cannot be read"),
        (("--header", "x", "--context", "-1"), "no whole number"),
        (("--header", "x", "--slots", "many"), "no whole number"),
        (("no such: model",), "names no model"),
    ],
)
def test_what_cannot_be_asked_is_said(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(*arguments)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--kv", "fp8"), "vLLM's KV cache"),
        (("--kv", "q8_0", "--flash-attention", "off"), "q8_0 values with flash attention only"),
        (("--kv", "q8_0/fp8"), "vLLM's KV cache"),
        (("--kv", "q9_0"), "no type of a KV cache"),
        (("--kv", "q8_0/"), "no type of a KV cache"),
        (("--spec-type", "draft-mtp"), "no layers that draft"),
        (("--card", "voodoo2"), "No card is called"),
        (("--card", "rtx3090", "--backend", "cpu"), "--backend cuda"),
    ],
)
def test_choices_that_no_engine_has(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        run("--header", header(tmp_path), *arguments)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from(sorted(LLAMA)), values), st.none() | values)
def test_no_document_ends_in_a_traceback(
    tmp_path: Path, changes: dict[str, Any], tensors: Any
) -> None:
    found = {"keys": {**LLAMA, **changes}, "file_bytes": 10**9, "tensors": tensors}
    try:
        answer = run("--header", document(tmp_path, found))
    except CommandError as error:
        assert str(error)
    else:
        assert answer["total_gpu"] > 0


GROUPED = {
    **CONFIG,
    "intermediate_size": 13_824,
    "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128},
}


@pytest.mark.parametrize(
    ("config", "cards", "sentence"),
    [
        (
            CONFIG,
            3,
            "64 attention heads evenly over 3 cards. Choose --tensor-parallel of one of: "
            "1, 2, 4, 8, 16.",
        ),
        (
            {**CONFIG, "num_attention_heads": 40, "num_key_value_heads": 40},
            5,
            "128,256 embedding rows evenly over 5 cards. Choose --tensor-parallel of one of: "
            "1, 2, 4, 8.",
        ),
        (
            GROUPED,
            8,
            "108 quantised weight groups evenly over 8 cards. Choose --tensor-parallel of "
            "one of: 1, 2, 4.",
        ),
    ],
)
def test_cards_that_a_model_cannot_be_divided_among_are_refused_with_those_that_can(
    tmp_path: Path, config: dict[str, Any], cards: int, sentence: str
) -> None:
    size = ("--file-bytes", "141000000000", "--tensor-parallel", str(cards))
    with pytest.raises(CommandError) as refused:
        run("--config", document(tmp_path, config), *size)
    assert str(refused.value) == f"vLLM cannot divide {sentence}"


def test_fewer_requests_at_a_time_take_less(tmp_path: Path) -> None:
    path, size = document(tmp_path, CONFIG), ("--file-bytes", "141000000000")
    usual, few = (run("--config", path, *size, *more) for more in ((), ("--max-num-seqs", "4")))
    assert few["compute"] < usual["compute"]
    assert few["runtime"] < usual["runtime"]
    assert few["kv_cache"] == usual["kv_cache"]


def test_a_file_beside_the_config_may_tell_how_it_is_quantised(tmp_path: Path) -> None:
    """An 8-bit cache that the checkpoint brings scales for halves a token."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(CONFIG))
    asked = ("--config", str(path), "--file-bytes", "8500000000")
    plain = run(*asked)["kv_bytes_per_token"]
    told = {"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}
    (tmp_path / "hf_quant_config.json").write_text(json.dumps(told))
    assert run(*asked)["kv_bytes_per_token"] == plain / 2
