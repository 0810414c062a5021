"""The steps that a plan counts against those that our runtime takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from inference.engine import auto
from inference.gguf import Header
from inference.models import LocalFile, LocalModel, Source
from inference.settings import load
from tests.wizard.sizing import shapes
from wizard.planning.workload import LONGEST_EMBEDDED, workload_on
from wizard.sdl.values import Engine
from wizard.sizing import estimate
from wizard.sizing.cells import step, told_step
from wizard.sizing.drafting import DRAFTED

CONTEXTS = (256, 512, 1000, 2048, 8192, 32768)
SLOTS = (1, 3, 4, 16, 256)
EMBEDDER = replace(shapes.QWEN3_0_6B, pools=True)
AT_END = replace(EMBEDDER, pools_at_end=True)
FILE = LocalFile(Path("model.gguf"), 1 << 30)


def taken(context: int, slots: int, *, pooling: int | None = None) -> int:
    """Tokens that the runtime has its engine compute at once."""
    keys = {"general.architecture": "qwen3", "qwen3.context_length": 32768}
    keys |= {"qwen3.pooling_type": pooling} if pooling is not None else {}
    flags = ["--context-length", str(context), "--slots", str(slots)]
    settings = load(["--model", "qwen3:0.6b", *flags], {})
    memory = auto.Memory(80 << 30, on_gpu=True)
    model = LocalModel("model", Source.LOCAL, (FILE,))
    return auto.configure(model, Header(3, keys, (), 0, 0), settings, memory).ubatch


@pytest.mark.parametrize("slots", SLOTS)
@pytest.mark.parametrize("context", CONTEXTS)
def test_texts_are_read_in_the_runtimes_steps(context: int, slots: int) -> None:
    planned = workload_on(EMBEDDER, Engine.RUNTIME, context=context, slots=slots)
    assert told_step(planned) == taken(context, slots, pooling=1)


@pytest.mark.parametrize("slots", SLOTS)
@pytest.mark.parametrize("context", CONTEXTS)
def test_chats_are_read_in_steps_that_are_hardly_longer(context: int, slots: int) -> None:
    planned = workload_on(shapes.QWEN3_0_6B, Engine.RUNTIME, context=context, slots=slots)
    assert 0 <= told_step(planned) - taken(context, slots) < slots


@pytest.mark.parametrize("slots", SLOTS)
@pytest.mark.parametrize("context", CONTEXTS)
def test_texts_that_count_at_their_end_are_read_as_chats_are(context: int, slots: int) -> None:
    planned = workload_on(AT_END, Engine.RUNTIME, context=context, slots=slots)
    assert 0 <= told_step(planned) - taken(context, slots, pooling=3) < slots


def test_ollama_reads_a_text_in_shorter_steps() -> None:
    planned = workload_on(EMBEDDER, Engine.OLLAMA, context=8192, slots=1)
    assert step(planned) == LONGEST_EMBEDDED[Engine.OLLAMA]
    assert planned.embeds


def test_a_plan_has_room_for_the_logits_of_a_whole_text() -> None:
    planned = workload_on(EMBEDDER, Engine.RUNTIME, context=8192, slots=1)
    usual = replace(planned, whole_texts=False, ubatch=512)
    more = [estimate(EMBEDDER, shapes.LLAMA_8B_Q4, each).compute for each in (planned, usual)]
    assert more[0] - more[1] >= 4 * (8192 - 512) * EMBEDDER.vocab_size


@pytest.mark.parametrize(
    ("engine", "variable", "drafts"),
    [
        (Engine.RUNTIME, ("SPECULATIVE", "mtp"), DRAFTED),
        (Engine.RUNTIME, ("SPECULATIVE", "ngram"), 0),
        (Engine.OLLAMA, ("SPECULATIVE", "mtp"), 0),
    ],
)
def test_a_variable_of_the_runtime_lets_the_models_layers_draft(
    engine: Engine, variable: tuple[str, str], drafts: int
) -> None:
    model = replace(shapes.QWEN3_0_6B, nextn_layers=1)
    planned = workload_on(model, engine, context=4096, slots=1, variables=(variable,))
    assert planned.drafts == drafts
    assert not workload_on(shapes.QWEN3_0_6B, engine, context=4096, slots=1).drafts
