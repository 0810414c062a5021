"""Real models × engines × choices: Akash's own validator takes every file."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from tests.judge.client import Judge
from tests.wizard.sdl import factory, models
from wizard.registry.values import Gating
from wizard.sdl import document, rules, writer
from wizard.sdl.engines.values import SHARED_MEMORY_PATH
from wizard.sdl.errors import SdlError
from wizard.sdl.values import (
    HF_TOKEN_PLACEHOLDER,
    Engine,
    Plan,
    Resources,
    Secrets,
    StorageClass,
)
from wizard.sizing.values import KvType

GI = factory.GI
CARDS = (
    factory.gpu(),
    factory.gpu("t4", "16Gi", (7, 5)),
    factory.gpu("a100", "80Gi", (8, 0)),
    factory.gpu("h100", "80Gi", (9, 0)),
    factory.gpu("l40s", "", (8, 9)),
    factory.gpu("rtx4090", "24Gi", (8, 9)),
)
KV = {Engine.VLLM: (KvType.F16, KvType.FP8)}
# A test has three minutes, and a busy machine needs two for all models of an engine.
PARTS = 6
LLAMA_KV = (KvType.F16, KvType.Q8_0, KvType.Q4_0)


@st.composite
def resources(draw: st.DrawFn, shared: bool) -> Resources:
    return Resources(
        cpu=draw(st.sampled_from((0.5, 1, 4, 7.5, 16, 128))),
        memory=draw(st.integers(512 << 20, 1 << 40)),
        root_disk=draw(st.integers(5 << 20, 200 * GI)),
        volume=draw(st.integers(1 * GI, 4096 * GI)),
        shared_memory=draw(st.integers(1 * GI, 64 * GI)) if shared else 0,
    )


@st.composite
def plans(draw: st.DrawFn, engine: Engine, case: models.Case) -> Plan:
    """Any choice that a person can make for a model."""
    on_gpu = engine is Engine.VLLM or draw(st.booleans())
    count = draw(st.sampled_from((1, 2, 4, 8))) if on_gpu else 1
    nodes = draw(st.sampled_from((1, 1, 2, 4))) if engine is Engine.VLLM else 1
    cards = draw(st.lists(st.sampled_from(CARDS), min_size=1, max_size=4)) if on_gpu else []
    ref = case.model.ref
    changes: dict[str, Any] = {
        "ref": ref,
        "model": case.model,
        "variant": case.variant,
        "architecture": case.architecture,
        "context": draw(st.integers(256, 1 << 20)),
        "slots": draw(st.integers(1, 256)),
        "kv": draw(st.sampled_from(KV.get(engine, LLAMA_KV))),
        "count": count,
        "nodes": nodes,
        "chosen": tuple(factory.offer(card, count, nodes) for card in cards),
        "replicas": draw(st.integers(1, 50)) if nodes == 1 else 1,
        "region": draw(st.sampled_from(("", "us-west", "eu-central"))),
        "audited": draw(st.booleans()),
        "storage_class": draw(st.sampled_from(StorageClass)),
        "resources": draw(resources(shared=engine is Engine.VLLM and count > 1)),
        "price_ceiling": draw(st.floats(0.0, 5000.0)),
        "extra_env": tuple(
            draw(
                st.dictionaries(
                    st.from_regex(r"X_[A-Z0-9_]{1,8}", fullmatch=True), st.just("a $(B) c")
                )
            ).items()
        ),
    }
    return factory.plan(engine, **changes)


def test_it_works(judge: Judge) -> None:
    verdict = judge.judge(writer.to_yaml(document.build(factory.plan(), Secrets())))
    assert verdict.accepted, verdict.errors


@pytest.mark.parametrize("engine", Engine)
def test_there_are_forty_real_models_for_each_engine(engine: Engine) -> None:
    repos = {case.model.ref.repo for case in models.cases(engine)}
    assert len(repos) >= models.AT_LEAST


def passes_with_any_choices(engine: Engine, case: models.Case, judge: Judge) -> None:
    @settings(max_examples=3, deadline=None, database=None)
    @given(plan=plans(engine, case))
    def passes(plan: Plan) -> None:
        text = writer.to_yaml(document.build(plan, Secrets()), (case.name,))
        verdict = judge.judge(text)
        assert verdict.accepted, (case.name, verdict.errors)
        assert verdict.document == yaml.load(text, yaml.CSafeLoader)
        assert rules.check(verdict.document) == [], case.name

    passes()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("engine", Engine)
def test_every_model_with_any_choices_passes_akash_and_our_rules(
    engine: Engine, part: int, judge: Judge
) -> None:
    for case in models.cases(engine)[part::PARTS]:
        passes_with_any_choices(engine, case, judge)


@pytest.mark.parametrize("engine", Engine)
def test_the_public_port_has_a_tls_hostname_and_akashs_limits(engine: Engine) -> None:
    built = yaml.safe_load(writer.to_yaml(document.build(factory.plan(engine), Secrets())))
    ports = [port for service in built["services"].values() for port in service.get("expose", [])]
    public = [port for port in ports if {"global": True} in port["to"]]
    assert len(public) == 1
    assert public[0]["as"] == 80
    assert public[0]["http_options"] == {
        "max_body_size": 104857600,
        "read_timeout": 60000,
        "send_timeout": 60000,
    }


@pytest.mark.parametrize("engine", [Engine.RUNTIME, Engine.VLLM, Engine.LLAMA_SERVER])
def test_the_token_is_asked_for_only_when_the_model_is_gated(engine: Engine) -> None:
    token = f"HF_TOKEN={HF_TOKEN_PLACEHOLDER}"
    gated = factory.plan(engine, gating=Gating.MANUAL)
    assert token in writer.to_yaml(document.build(gated, Secrets()))
    assert "HF_TOKEN" not in writer.to_yaml(document.build(factory.plan(engine), Secrets()))


def test_the_weights_are_on_a_mounted_persistent_volume_by_default() -> None:
    built: Any = document.build(factory.plan(), Secrets())
    storage = built["profiles"]["compute"]["llm"]["resources"]["storage"]
    assert storage[1] == {
        "name": "models",
        "size": "20Gi",
        "attributes": {"persistent": True, "class": "beta3"},
    }
    assert built["services"]["llm"]["params"]["storage"]["models"]["mount"] == "/models"


def test_ephemeral_weights_make_the_root_disk_larger() -> None:
    plan = factory.plan(storage_class=StorageClass.EPHEMERAL)
    built: Any = document.build(plan, Secrets())
    assert built["profiles"]["compute"]["llm"]["resources"]["storage"] == [{"size": "30Gi"}]
    assert "params" not in built["services"]["llm"]


def test_shared_memory_is_declared_and_mounted_for_several_cards() -> None:
    built: Any = document.build(factory.plan(Engine.VLLM, count=2), Secrets())
    storage = built["profiles"]["compute"]["llm"]["resources"]["storage"]
    assert storage[-1]["attributes"] == {"persistent": False, "class": "ram"}
    assert built["services"]["llm"]["params"]["storage"]["shm"]["mount"] == SHARED_MEMORY_PATH


def test_gpu_models_stand_in_their_order_each_once() -> None:
    cards = (CARDS[4], CARDS[0], CARDS[4])
    plan = factory.plan(chosen=tuple(factory.offer(card) for card in cards))
    assert document.gpu_models(plan) == [{"model": "l40s"}, {"model": "rtx3090", "ram": "24Gi"}]


def test_a_cpu_plan_asks_for_no_gpu() -> None:
    built: Any = document.build(factory.plan(chosen=()), Secrets())
    assert "gpu" not in built["profiles"]["compute"]["llm"]["resources"]
    assert "GPU_LAYERS=0" in built["services"]["llm"]["env"]


def test_replicas_listen_only_when_ready_and_are_skipped_before() -> None:
    built: Any = document.build(factory.plan(replicas=3), Secrets())
    assert built["deployment"]["llm"]["akash"]["count"] == 3
    assert "LISTEN_WHEN_READY=1" in built["services"]["llm"]["env"]
    options = built["services"]["llm"]["expose"][0]["http_options"]
    assert (options["next_tries"], options["next_cases"]) == (3, ["error"])


def test_the_denomination_is_a_setting(settings: Settings) -> None:
    settings.SDL_DENOM = "uakt"
    built: Any = document.build(factory.plan(), Secrets())
    assert built["profiles"]["placement"]["akash"]["pricing"]["llm"]["denom"] == "uakt"


@pytest.mark.parametrize(
    ("count", "written"),
    [(1, "1Mi"), (512 << 20, "512Mi"), (GI, "1Gi"), (GI + 1, "2Gi"), (3000 * GI, "3000Gi")],
)
def test_sizes_are_rounded_up(count: int, written: str) -> None:
    assert document.size(count) == written


@pytest.mark.parametrize("region", ["us west", "us-west\nfoo: bar", "-x", "a" * 64, "ünited"])
def test_a_region_that_is_none_is_refused(region: str) -> None:
    with pytest.raises(SdlError, match="no region") as caught:
        document.build(factory.plan(region=region), Secrets())
    assert caught.value.field == "region"
