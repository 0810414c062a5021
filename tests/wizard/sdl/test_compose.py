"""The same plan on one's own machine."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from inference import settings
from tests.wizard.sdl import factory
from wizard.sdl import compose, writer
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Engine, Plan, Secrets


def built(plan: Plan) -> Any:
    return yaml.safe_load(writer.to_yaml(compose.build(plan, Secrets())))


def test_it_works() -> None:
    service = built(factory.plan(count=2))["services"]["llm"]
    assert service["environment"]["MODEL"].startswith("hf.co/Qwen/Qwen3-8B-GGUF@")
    assert service["volumes"] == ["models:/models"]
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 2, "capabilities": ["gpu"]}


@pytest.mark.parametrize("engine", Engine)
def test_one_port_is_open_and_on_this_machine_only(engine: Engine) -> None:
    services = built(factory.plan(engine))["services"]
    (ports,) = [service["ports"] for service in services.values() if "ports" in service]
    assert ports[0].startswith("127.0.0.1:8080:")


def test_answers_have_the_time_to_end_that_the_runtime_gives_them() -> None:
    service = built(factory.plan())["services"]["llm"]
    grace = settings.load(["--model", "llama3.1:8b"], {}).grace_time
    assert float(service["stop_grace_period"].removesuffix("s")) > grace


def test_scripts_keep_their_dollars() -> None:
    services = built(factory.plan(Engine.OLLAMA))["services"]
    assert services["llm"]["entrypoint"][2] == 'eval "$$START"'
    assert 'ollama pull "$$OLLAMA_PULL"' in services["llm"]["environment"]["START"]


def test_vllm_gets_shared_memory_for_several_cards() -> None:
    assert built(factory.plan(Engine.VLLM, count=2))["services"]["llm"]["shm_size"] == "8g"


def test_a_cpu_plan_reserves_no_device() -> None:
    assert "deploy" not in built(factory.plan(chosen=()))["services"]["llm"]


def test_several_nodes_are_refused() -> None:
    with pytest.raises(SdlError, match="one machine"):
        compose.build(factory.plan(Engine.VLLM, nodes=2), Secrets())
