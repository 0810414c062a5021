from __future__ import annotations

import hashlib
import logging
import re
from typing import Any

import pytest
import yaml
from django.test import Client
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from tests.wizard.pages.conftest import GATED, HASH, MIXTURE, MIXTURE_GGUF, QWEN
from wizard.forms import PARAMETERS
from wizard.sdl.rules import check

PREFIXES = (QWEN, "/models/hf/Qwen/Qwen3-8B", GATED)


def _env(text: str) -> list[str]:
    found: list[str] = yaml.safe_load(text)["services"]["llm"]["env"]
    return found


def test_it_works(site: Client) -> None:
    answer = site.get(f"{QWEN}/deploy.yaml")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/yaml; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="deploy.yaml"'
    assert check(yaml.safe_load(answer.content)) == []


@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_answer_has_a_key_of_its_own_and_is_kept_nowhere(site: Client, prefix: str) -> None:
    first = site.get(f"{prefix}/deploy.yaml")
    second = site.get(f"{prefix}/deploy.yaml")
    keys = [
        found
        for answer in (first, second)
        for found in re.findall(
            r"# API key: (ocl_[A-Za-z0-9_-]{43})$", answer.content.decode(), re.M
        )
    ]
    assert len(set(keys)) == 2
    assert "no-store" in first["Cache-Control"]


def test_our_runtime_gets_only_the_hash(site: Client) -> None:
    text = site.get(f"{QWEN}/deploy.yaml").content.decode()
    found = re.search("ocl_[A-Za-z0-9_-]{43}", text)
    assert found
    digest = hashlib.sha256(found[0].encode()).hexdigest()
    assert f"API_KEY_SHA256={digest}" in _env(text)
    assert text.count(found[0]) == 1


def test_another_engine_gets_the_key_itself(site: Client) -> None:
    text = site.get(f"{QWEN}/deploy.yaml?engine=ollama").content.decode()
    found = re.search("API key: (ocl_[A-Za-z0-9_-]{43})", text)
    assert found
    assert text.count(found[1]) > 1
    assert "PASTE-YOUR-API-KEY-HERE" not in text


def test_with_a_hash_no_key_is_made(site: Client) -> None:
    text = site.get(f"{QWEN}/deploy.yaml?api_key_sha256={HASH}").content.decode()
    assert f"API_KEY_SHA256={HASH}" in _env(text)
    assert "ocl_" not in text


def test_with_a_hash_another_engine_keeps_its_placeholder(site: Client) -> None:
    text = site.get(f"{QWEN}/deploy.yaml?engine=ollama&api_key_sha256={HASH}").content.decode()
    assert "PASTE-YOUR-API-KEY-HERE" in text
    assert "ocl_" not in text


def test_a_gated_model_has_a_place_for_the_token(site: Client) -> None:
    text = site.get(f"{GATED}/deploy.yaml").content.decode()
    assert "HF_TOKEN=PASTE-YOUR-HUGGING-FACE-TOKEN-HERE" in text


def test_keys_are_not_logged(site: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        text = site.get(f"{QWEN}/deploy.yaml?env=SECRET=hush").content.decode()
    found = re.search("ocl_[A-Za-z0-9_-]{43}", text)
    assert found
    logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert found[0] not in logged
    assert "hush" not in logged


def test_choices_reach_the_file(site: Client) -> None:
    query = "context=4096&slots=2&kv=q8_0&gpu=rtx3090&region=us-west&env=A=1&env=B=x=y"
    document = yaml.safe_load(site.get(f"{QWEN}/deploy.yaml?{query}").content)
    env = document["services"]["llm"]["env"]
    assert {"CONTEXT_LENGTH=4096", "SLOTS=2", "KV_CACHE_TYPE=q8_0", "A=1", "B=x=y"} <= set(env)
    resources = document["profiles"]["compute"]["llm"]["resources"]
    assert [card["model"] for card in resources["gpu"]["attributes"]["vendor"]["nvidia"]] == [
        "rtx3090"
    ]
    placement = document["profiles"]["placement"]["akash"]
    assert placement["attributes"] == {"location-region": "us-west"}


def test_experts_in_ram_reach_every_file(site: Client) -> None:
    query = "deploy.yaml?cpu_moe=1&engine"
    assert "CPU_MOE=1" in site.get(f"{MIXTURE_GGUF}/{query}=runtime").content.decode()
    assert "--cpu-moe" in site.get(f"{MIXTURE_GGUF}/{query}=llama-server").content.decode()
    assert site.get(f"{MIXTURE}/plan.json?cpu_moe=1").json()["choices"]["cpu_moe"] is True


REFUSED = {
    "context=": "a whole number",
    "context=999999999": "this model takes 256 to 40,960",
    "context=-1": "a whole number",
    "context=1e3": "a whole number",
    "context=٣": "a whole number",
    "slots=0": "use 1 to 256",
    "kv=fp8": "Choose f16, q8_0, q4_0",
    "kv=f17": "use f16, q8_0, q4_0, fp8",
    "engine=tgi": "use runtime, vllm, ollama, llama-server",
    "engine=vllm": "vLLM cannot serve",
    "gpu=rtx9999": "Akash has no such choice of cards",
    "gpu=$(id)": "use a model such as rtx3090",
    "count=3": "1, 2, 4",
    "replicas=21": "use 1 to 20",
    "region=US West": "a region such as us-west",
    "audited=maybe": "use 1 or 0",
    "price_ceiling=free": "a number such as 0.75",
    "price_ceiling=999999": "$6,000 an hour",
    "storage=floppy": "use beta3, beta2, beta1, ephemeral",
    "storage_gib=1": "The weights need",
    "env=novalue": "write it like NAME=value",
    "env=A=%00": "control character",
    "variant=8b&variant=4b": "give it once",
    "api_key_sha256=abc": "64 digits of lower-case hex",
}


@pytest.mark.parametrize("query", [query for query in REFUSED if query != "context="])
def test_a_value_that_cannot_be_used_is_refused_in_a_sentence(site: Client, query: str) -> None:
    answer = site.get(f"{QWEN}/deploy.yaml?{query}")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert REFUSED[query] in answer.content.decode()


def test_an_empty_value_means_our_default(site: Client) -> None:
    plain = site.get(f"{QWEN}/deploy.yaml?api_key_sha256={HASH}").content
    empty = site.get(f"{QWEN}/deploy.yaml?api_key_sha256={HASH}&context=&gpu=&env=&audited=")
    assert empty.content == plain


def test_json_is_refused_in_json(site: Client) -> None:
    answer = site.get(f"{QWEN}/plan.json?context=x")
    assert answer.status_code == 400
    assert "a whole number" in answer.json()["error"]


def test_an_unknown_variant_is_not_found(site: Client) -> None:
    assert site.get(f"{QWEN}/deploy.yaml?variant=no-such").status_code == 404


def test_a_plan_that_fits_nowhere_is_not_served(site: Client) -> None:
    answer = site.get(f"{QWEN}/deploy.yaml?slots=256&context=40960&count=1")
    assert answer.status_code == 422
    assert "Nothing that Akash offers holds this" in answer.content.decode()


def test_compose_has_the_same_model_and_a_key(site: Client) -> None:
    text = site.get(f"{QWEN}/docker-compose.yaml").content.decode()
    service = yaml.safe_load(text)["services"]["llm"]
    assert service["environment"]["MODEL"] == "qwen3:8b"
    assert "# API key: ocl_" in text


@pytest.mark.parametrize("prefix", PREFIXES)
def test_plan_json_is_what_its_schema_says(site: Client, prefix: str) -> None:
    document = site.get("/api/openapi.json").json()
    _check(site.get(f"{prefix}/plan.json").json(), document, "Plan")


def test_a_refusal_is_what_its_schema_says(site: Client) -> None:
    document = site.get("/api/openapi.json").json()
    _check(site.get(f"{QWEN}/plan.json?slots=0").json(), document, "Error")


def test_the_openapi_document_is_valid_and_names_every_parameter(site: Client) -> None:
    document = site.get("/api/openapi.json").json()
    validate(document)
    operation = document["paths"]["/models/hf/{user}/{repo}/deploy.yaml"]["get"]
    named = {parameter["name"] for parameter in operation["parameters"]}
    assert named == {*PARAMETERS, "api_key_sha256"}


def _check(value: Any, document: dict[str, Any], name: str) -> None:
    schema = document["components"] | {"$ref": f"#/schemas/{name}"}
    text = yaml.safe_dump(schema).replace("#/components/schemas/", "#/schemas/")
    Draft202012Validator(yaml.safe_load(text)).validate(value)


@pytest.mark.parametrize("name", ["deploy.yaml", "docker-compose.yaml", "plan.json"])
def test_a_parameter_that_does_not_exist_is_refused(site: Client, name: str) -> None:
    answer = site.get(f"{QWEN}/{name}?contxt=4096")
    assert answer.status_code == 400
    assert "is no parameter; use variant, engine, context" in answer.content.decode()


def test_compose_tells_that_it_runs_one_copy(site: Client) -> None:
    answer = site.get(f"{QWEN}/docker-compose.yaml?replicas=3").content.decode()
    assert "# One copy: the 3 replicas of this plan are Akash's to run." in answer
