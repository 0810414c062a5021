"""What is said beside a file: parts, snippets, commands."""

from __future__ import annotations

import ast
import json
import shlex
import subprocess
from typing import Any

import pytest

from tests.wizard.sdl import factory
from wizard.registry.values import Gating, ModelRef, Source
from wizard.sdl import akash_cli, explain, snippets
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Engine, StorageClass

RERANKER = ModelRef(Source.HUGGING_FACE, "BAAI", "bge-Reranker-large")


def code(engine: Engine, *, embeds: bool = False, **changes: Any) -> dict[str, str]:
    plan = factory.plan(engine, architecture=factory.architecture(causal=not embeds), **changes)
    return {found.name: found.code for found in snippets.snippets(plan)}


@pytest.mark.parametrize("engine", Engine)
def test_it_works(engine: Engine) -> None:
    parts = explain.parts(factory.plan(engine))
    assert len(parts) >= 7
    assert all(title and sentence.endswith(".") for title, sentence in parts)


def test_a_model_that_ranks_by_yes_or_no_is_told_of_and_asked_for_an_order() -> None:
    chats = factory.architecture(hf_architectures=("Qwen3ForCausalLM",))
    ref = ModelRef(Source.HUGGING_FACE, "Qwen", "Qwen3-Reranker-0.6B")
    plan = factory.plan(Engine.VLLM, architecture=chats, ref=ref)
    assert "--hf-overrides" in {title for title, _ in explain.parts(plan)}
    assert all("/rerank" in found.code for found in snippets.snippets(plan))


def test_every_choice_has_its_sentence() -> None:
    plan = factory.plan(
        Engine.VLLM,
        count=2,
        nodes=2,
        region="us-west",
        audited=True,
        gating=Gating.MANUAL,
        architecture=factory.architecture(custom_code=True),
        chosen=(factory.offer(factory.gpu("t4", "16Gi", (7, 5)), 2, 2),),
    )
    titles = {title for title, _ in explain.parts(plan)}
    assert titles >= {
        *("HF_TOKEN", "storage, shm", "gateway pricing", "--trust-remote-code", "--dtype half"),
        *("worker", "attributes", "signedBy", "pricing"),
    }


def test_only_vllm_is_told_the_precision_of_an_old_card() -> None:
    old = (factory.offer(factory.gpu("t4", "16Gi", (7, 5)), 1, 1),)
    titles = {title for title, _ in explain.parts(factory.plan(Engine.RUNTIME, chosen=old))}
    assert "--dtype half" not in titles


def test_replicas_ephemeral_disk_and_no_gpu_are_told() -> None:
    plan = factory.plan(replicas=2, storage_class=StorageClass.EPHEMERAL, chosen=())
    told = " ".join(sentence for _, sentence in explain.parts(plan))
    assert "2 replicas" in told
    assert "downloads them again" in told
    assert "No GPU" in told


def test_ollama_clients_are_shown_where_the_engine_understands_them() -> None:
    assert "ollama-python" in code(Engine.RUNTIME)
    assert "ollama-js" in code(Engine.OLLAMA)
    assert "ollama-python" not in code(Engine.VLLM)
    assert "ollama-js" not in code(Engine.LLAMA_SERVER)


@pytest.mark.parametrize("embeds", [False, True])
@pytest.mark.parametrize("engine", Engine)
def test_python_snippets_are_python(engine: Engine, embeds: bool) -> None:
    for name, source in code(engine, embeds=embeds).items():
        if name.endswith("python"):
            ast.parse(source)


@pytest.mark.parametrize(
    "changes", [{}, {"embeds": True}, {"embeds": True, "ref": RERANKER}], ids=str
)
def test_javascript_snippets_are_javascript(changes: dict[str, Any]) -> None:
    for name, source in code(Engine.RUNTIME, **changes).items():
        if name.endswith("-js"):
            checked = subprocess.run(
                ["node", "--check", "--input-type=module", "-"],
                input=source,
                text=True,
                capture_output=True,
                check=False,
            )
            assert checked.returncode == 0, checked.stderr


def test_curl_sends_json_with_the_models_name() -> None:
    words = shlex.split(code(Engine.VLLM)["curl"].replace("\\\n", " "))
    body = json.loads(words[words.index("-d") + 1])
    assert body["model"] == "Qwen/Qwen3-8B"


def test_an_embedding_model_is_asked_for_vectors() -> None:
    found = code(Engine.RUNTIME, embeds=True)
    assert found.keys() == code(Engine.RUNTIME).keys()
    assert all("embed" in source and "chat" not in source for source in found.values())
    words = shlex.split(found["curl"].replace("\\\n", " "))
    assert words[1] == f"{snippets.ENDPOINT}/v1/embeddings"
    assert json.loads(words[words.index("-d") + 1])["input"] == [snippets.QUESTION]


@pytest.mark.parametrize("engine", [Engine.RUNTIME, Engine.VLLM, Engine.LLAMA_SERVER])
def test_a_reranker_is_asked_for_an_order_of_texts(engine: Engine) -> None:
    found = code(engine, embeds=True, ref=RERANKER)
    assert found.keys() == {"curl", "openai-python", "openai-js"}
    assert all("/rerank" in source and "embed" not in source for source in found.values())
    ast.parse(found["openai-python"])
    words = shlex.split(found["curl"].replace("\\\n", " "))
    assert words[1] == f"{snippets.ENDPOINT}/v1/rerank"
    assert json.loads(words[words.index("-d") + 1])["documents"] == snippets.DOCUMENTS


@pytest.mark.parametrize("embeds", [False, True])
def test_snippets_hold_places_for_the_url_and_the_key(embeds: bool) -> None:
    for source in code(Engine.RUNTIME, embeds=embeds).values():
        assert snippets.ENDPOINT in source
        assert snippets.API_KEY in source


def test_a_plan_that_cannot_be_written_cannot_be_explained() -> None:
    with pytest.raises(SdlError):
        explain.parts(factory.plan(Engine.OLLAMA, gating=Gating.AUTO))


def test_the_commands_name_the_file_and_end_with_the_end() -> None:
    commands = akash_cli.commands(49)
    assert commands[0].command == "akt sdl validate deploy.yaml"
    assert commands[-1].command == "akt close DSEQ"
    assert "--deposit 49" in commands[4].sentence
    assert all(command.sentence.endswith(".") for command in commands)
