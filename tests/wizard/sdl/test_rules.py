"""Each rule refuses what it is there for, and says how to mend it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.judge.client import Judge
from tests.wizard.sdl import factory
from wizard.sdl import document, rules, writer
from wizard.sdl.rules.gpu_models import suggest
from wizard.sdl.rules.report import MAX_PROBLEMS
from wizard.sdl.values import Engine, Secrets

Change = Callable[[Any], object]
LABEL = {"persistent": True, "class": "beta3"}


def good() -> Any:
    """A document with every section, which nothing is wrong with."""
    built = document.build(factory.plan(Engine.VLLM, count=2, region="us-west"), Secrets())
    return copy.deepcopy(built)


def service(d: Any) -> Any:
    return d["services"]["llm"]


def door(d: Any) -> Any:
    return d["services"]["gateway"]["expose"][0]


def options(d: Any) -> Any:
    return door(d)["http_options"]


def resources(d: Any) -> Any:
    return d["profiles"]["compute"]["llm"]["resources"]


def card(d: Any) -> Any:
    return resources(d)["gpu"]["attributes"]["vendor"]["nvidia"][0]


def placement(d: Any) -> Any:
    return d["profiles"]["placement"]["akash"]


def price(d: Any) -> Any:
    return placement(d)["pricing"]["llm"]


def unit(d: Any) -> Any:
    return d["deployment"]["llm"]["akash"]


def put(where: Callable[[Any], Any], key: Any, value: object) -> Change:
    def change(d: Any) -> None:
        where(d)[key] = value

    return change


def drop(where: Callable[[Any], Any], key: Any) -> Change:
    def change(d: Any) -> None:
        del where(d)[key]

    return change


def root(d: Any) -> Any:
    return d


def volume(attributes: object = LABEL, **more: object) -> dict[str, object]:
    return {"name": "models", "size": "20Gi", "attributes": attributes} | more


def named_door(d: Any) -> None:
    """The gateway's profile under a name of its own."""
    for profiles in (d["profiles"]["compute"], placement(d)["pricing"]):
        profiles["door"] = profiles.pop("gateway")
    d["deployment"]["gateway"]["akash"]["profile"] = "door"


BAD: list[tuple[str, str, Change]] = [
    # What the schema does not know
    ("unknown-key", "services.llm.depends_on", put(service, "depends_on", ["x"])),
    ("unknown-key", "services.llm.environment", put(service, "environment", {"A": "b"})),
    ("unknown-key", "services.llm.volumes", put(service, "volumes", [])),
    ("unknown-key", "networks", put(root, "networks", {})),
    ("unknown-key", "profiles.compute.llm.resources.disk", put(resources, "disk", 1)),
    ("unknown-key", "profiles.placement.akash.region", put(placement, "region", "x")),
    ("unknown-key", "deployment.llm.akash.replicas", put(unit, "replicas", 1)),
    ("required", "deployment", drop(root, "deployment")),
    ("required", "services.llm.image", drop(service, "image")),
    ("required", "profiles.placement.akash.pricing", drop(placement, "pricing")),
    ("type", "services", put(root, "services", ["llm"])),
    ("type", "services.llm", lambda d: d["services"].update(llm=None)),
    ("version", "version", put(root, "version", 2.0)),
    ("version", "version", put(root, "version", "3.0")),
    # Names, images, variables
    ("service-name", "services.My_LLM", lambda d: d["services"].update(My_LLM={"image": "a:1"})),
    ("service-name", "services.llm-", lambda d: d["services"].update({"llm-": {"image": "a:1"}})),
    ("image-tag", "services.llm.image", put(service, "image", "ollama/ollama")),
    ("image-latest", "services.llm.image", put(service, "image", "ollama/ollama:latest")),
    ("image-form", "services.llm.image", put(service, "image", "https://x/y:1")),
    # What could be read in 2**120 ways, and in none of them is a reference.
    ("image-form", "services.llm.image", put(service, "image", "R" * 120 + ":1")),
    ("image-form", "services.llm.image", put(service, "image", "r." * 190 + "!:1")),
    ("env-name", "services.llm.env[0]", put(service, "env", ["1A=b"])),
    ("env-name", "services.llm.env[0]", put(service, "env", ["=b"])),
    ("env-form", "services.llm.env", put(service, "env", {"A": "b"})),
    ("string", "services.llm.env[0]", put(service, "env", [{"A": "b"}])),
    ("string", "services.llm.args[0]", put(service, "args", [8000])),
    ("type", "services.llm.args", put(service, "args", "--model x \\ --port 1")),
    ("credentials", "services.llm.credentials.password", put(
        service, "credentials", {"host": "h", "username": "u", "password": "x"})),
    ("no-service", "services.llm.dependencies[0]", put(
        service, "dependencies", [{"service": "db"}])),
    # Ports
    ("port", "services.gateway.expose[0].port", put(door, "port", 0)),
    ("port", "services.gateway.expose[0].as", put(door, "as", "80")),
    ("protocol", "services.gateway.expose[0].proto", put(door, "proto", "https")),
    ("hostname", "services.gateway.expose[0].accept[0]", put(door, "accept", ["https://x.org"])),
    ("no-global", "services", put(door, "to", [{"service": "llm"}])),
    ("no-service", "services.gateway.expose[0].to[1].service", put(
        door, "to", [{"global": True}, {"service": "nobody"}])),
    ("type", "services.gateway.expose[0].to[0].global", put(door, "to", [{"global": "yes"}])),
    ("ip-global", "services.gateway.expose[0].to[0]", put(door, "to", [{"ip": "mine"}])),
    ("no-endpoint", "services.gateway.expose[0].to[0].ip", put(
        door, "to", [{"global": True, "ip": "mine"}])),
    ("endpoint-unused", "endpoints.mine", put(root, "endpoints", {"mine": {"kind": "ip"}})),
    ("endpoint-name", "endpoints.9x", put(root, "endpoints", {"9x": {"kind": "ip"}})),
    ("endpoint-kind", "endpoints.mine.kind", put(root, "endpoints", {"mine": {"kind": "dns"}})),
    ("http-limit", "services.gateway.expose[0].http_options.read_timeout",
     put(options, "read_timeout", 300000)),
    ("http-limit", "services.gateway.expose[0].http_options.send_timeout",
     put(options, "send_timeout", 60001)),
    ("http-limit", "services.gateway.expose[0].http_options.max_body_size",
     put(options, "max_body_size", 1073741824)),
    ("http-option", "services.gateway.expose[0].http_options.read_timeout",
     put(options, "read_timeout", "60s")),
    ("next-cases", "services.gateway.expose[0].http_options.next_cases[0]",
     put(options, "next_cases", [500])),
    ("next-cases", "services.gateway.expose[0].http_options.next_cases[0]",
     put(options, "next_cases", [False])),
    ("next-cases-off", "services.gateway.expose[0].http_options.next_cases",
     put(options, "next_cases", ["off", "error"])),
    # CPU, memory, GPU
    ("cpu-form", "profiles.compute.llm.resources.cpu.units",
     lambda d: resources(d)["cpu"].update(units="4 cores")),
    ("cpu-limit", "profiles.compute.llm.resources.cpu.units",
     lambda d: resources(d)["cpu"].update(units=385)),
    ("cpu-limit", "profiles.compute.llm.resources.cpu.units",
     lambda d: resources(d)["cpu"].update(units="5m")),
    ("size-suffix", "profiles.compute.llm.resources.memory.size",
     lambda d: resources(d)["memory"].update(size="16GB")),
    ("size-suffix", "profiles.compute.llm.resources.memory.size",
     lambda d: resources(d)["memory"].update(size=16)),
    ("size-limit", "profiles.compute.llm.resources.memory.size",
     lambda d: resources(d)["memory"].update(size="3Ti")),
    ("size-limit", "profiles.compute.llm.resources.storage[0].size",
     lambda d: resources(d)["storage"][0].update(size="4Mi")),
    ("gpu-limit", "profiles.compute.llm.resources.gpu.units",
     lambda d: resources(d)["gpu"].update(units=25)),
    ("gpu-limit", "profiles.compute.llm.resources.gpu.units",
     lambda d: resources(d)["gpu"].update(units=1.5)),
    ("gpu-attributes", "profiles.compute.llm.resources.gpu",
     lambda d: resources(d)["gpu"].pop("attributes")),
    ("gpu-units", "profiles.compute.llm.resources.gpu",
     lambda d: resources(d)["gpu"].update(units=0)),
    ("gpu-vendor", "profiles.compute.llm.resources.gpu.attributes.vendor.amd",
     lambda d: resources(d)["gpu"]["attributes"].update(vendor={"amd": None})),
    ("gpu-model", "profiles.compute.llm.resources.gpu.attributes.vendor.nvidia[0].model",
     put(card, "model", "a6000")),
    ("gpu-model", "profiles.compute.llm.resources.gpu.attributes.vendor.nvidia[0].model",
     put(card, "model", "RTX 4090")),
    ("gpu-ram", "profiles.compute.llm.resources.gpu.attributes.vendor.nvidia[0].ram",
     put(card, "ram", "40GB")),
    ("gpu-ram", "profiles.compute.llm.resources.gpu.attributes.vendor.nvidia[0].ram",
     put(card, "ram", 40)),
    ("gpu-interface", "profiles.compute.llm.resources.gpu.attributes.vendor.nvidia[0].interface",
     put(card, "interface", "sxm5")),
    ("gpu-needs-model", "profiles.compute.llm.resources.gpu.attributes.vendor.nvidia[0]",
     drop(card, "model")),
    # Volumes
    ("required", "profiles.compute.llm.resources.storage[1].attributes.persistent",
     lambda d: resources(d)["storage"].__setitem__(1, volume({"class": "beta3"}))),
    ("type", "profiles.compute.llm.resources.storage[1].attributes",
     lambda d: resources(d)["storage"].__setitem__(1, volume(None))),
    ("storage-class", "profiles.compute.llm.resources.storage[1].attributes.class",
     lambda d: resources(d)["storage"].__setitem__(1, volume({**LABEL, "class": "nvme"}))),
    ("storage-class-persistent", "profiles.compute.llm.resources.storage[1].attributes",
     lambda d: resources(d)["storage"].__setitem__(1, volume({**LABEL, "persistent": False}))),
    ("storage-ram", "profiles.compute.llm.resources.storage[2].attributes",
     lambda d: resources(d)["storage"][2]["attributes"].update(persistent=True)),
    ("volume-twice", "profiles.compute.llm.resources.storage[3]",
     lambda d: resources(d)["storage"].append({"name": "models", "size": "1Gi"})),
    ("unmounted", "profiles.compute.llm.resources.storage[2]",
     lambda d: service(d)["params"]["storage"].pop("shm")),
    ("unmounted", "profiles.compute.llm.resources.storage[1]",
     lambda d: service(d)["params"]["storage"]["models"].pop("mount")),
    ("no-volume", "services.llm.params.storage.other",
     lambda d: service(d)["params"]["storage"].update(other={"mount": "/x"})),
    ("mount-absolute", "services.llm.params.storage.models.mount",
     lambda d: service(d)["params"]["storage"]["models"].update(mount="models")),
    ("mount-twice", "services.llm.params.storage.shm.mount",
     lambda d: service(d)["params"]["storage"]["shm"].update(mount="/models")),
    # Placement and price
    ("empty-attributes", "profiles.placement.akash.attributes", put(placement, "attributes", None)),
    ("attribute-name", "profiles.placement.akash.attributes.9",
     put(placement, "attributes", {"9": "x"})),
    ("attribute-value", "profiles.placement.akash.attributes.host",
     put(placement, "attributes", {"host": ["a"]})),
    ("auditor", "profiles.placement.akash.signedBy.anyOf[0]",
     put(placement, "signedBy", {"anyOf": ["akash1nobody"]})),
    ("denom", "profiles.placement.akash.pricing.llm.denom", put(price, "denom", "usd")),
    ("denom-ibc", "profiles.placement.akash.pricing.llm.denom", put(price, "denom", "ibc/170C67")),
    ("denom-mixed", "profiles.placement", put(price, "denom", "uakt")),
    ("amount-zero", "profiles.placement.akash.pricing.llm.amount", put(price, "amount", 0)),
    ("amount-form", "profiles.placement.akash.pricing.llm.amount", put(price, "amount", "many")),
    ("amount-form", "profiles.placement.akash.pricing.llm.amount", put(price, "amount", True)),
    ("amount-limit", "profiles.placement.akash.pricing.llm.amount",
     put(price, "amount", 10_000_001)),
    # Between the sections
    ("no-profile", "deployment.llm.akash.profile", put(unit, "profile", "gone")),
    ("no-price", "profiles.placement.akash.pricing",
     lambda d: placement(d)["pricing"].pop("llm")),
    ("no-placement", "deployment.llm.mars",
     lambda d: d["deployment"].update(llm={"mars": {"profile": "llm", "count": 1}})),
    ("no-service", "deployment.other",
     lambda d: d["deployment"].update(other={"akash": {"profile": "llm", "count": 1}})),
    ("not-deployed", "services.llm", lambda d: d["deployment"].pop("llm")),
    ("count", "deployment.llm.akash.count", put(unit, "count", 0)),
    ("count", "deployment.llm.akash.count", put(unit, "count", 51)),
]  # fmt: skip

WARNED: list[tuple[str, str, Change]] = [
    ("denom-uakt", "profiles.placement.akash.pricing.llm.denom", lambda d: [
        entry.update(denom="uakt") for entry in placement(d)["pricing"].values()]),
    ("tls-port", "services.gateway.expose[0]", put(door, "as", 8080)),
    ("body-size", "services.gateway.expose[0]", drop(door, "http_options")),
    ("env-twice", "services.llm.env[1]", put(service, "env", ["A=1", "A=2"])),
    ("gpu-model-unknown", "profiles.compute.llm.resources.gpu.attributes.vendor.nvidia[0].model",
     put(card, "model", "z9000")),
    ("many-volumes", "profiles.compute.llm.resources.storage",
     lambda d: resources(d)["storage"].extend({"name": f"v{i}", "size": "1Gi"} for i in range(3))),
    # What the form of Akash Console loses
    ("console-word", "services.llm.args[1]", put(service, "args", ["a", "b\nc"])),
    ("console-word", "services.llm.command[2]", put(service, "command", ["redis", "--save", ""])),
    ("console-port", "services.llm.expose[0]", lambda d: service(d)["expose"][0].pop("as")),
    ("console-profile", "deployment.gateway.akash.profile", named_door),
    ("console-size", "profiles.compute.llm.resources.memory.size",
     lambda d: resources(d).update(memory={"size": "1.5Gi"})),
]  # fmt: skip


def found(d: object) -> dict[tuple[str, str], bool]:
    return {(problem.rule, problem.path): problem.is_error for problem in rules.check(d)}


@pytest.mark.parametrize("engine", Engine)
def test_it_works(engine: Engine) -> None:
    assert rules.check(document.build(factory.plan(engine), Secrets())) == []


@pytest.mark.parametrize(("rule", "path", "change"), BAD)
def test_what_akash_refuses_is_refused(rule: str, path: str, change: Change) -> None:
    bad = good()
    change(bad)
    assert found(bad).get((rule, path)) is True, found(bad)


@pytest.mark.parametrize(("rule", "path", "change"), WARNED)
def test_what_is_rarely_meant_is_warned_of(rule: str, path: str, change: Change) -> None:
    odd = good()
    change(odd)
    assert found(odd).pop((rule, path)) is False
    assert not any(found(odd).values())


def test_each_problem_has_a_sentence_and_a_fix() -> None:
    for _, _, change in BAD + WARNED:
        bad = good()
        change(bad)
        for problem in rules.check(bad):
            assert problem.sentence.endswith("."), problem
            assert problem.fix and problem.path and problem.rule


def test_whatever_akashs_own_validator_refuses_we_refuse_too(judge: Judge) -> None:
    refused = 0
    for rule, path, change in BAD:
        bad = good()
        change(bad)
        if not judge.judge(writer.to_yaml(bad)).accepted:
            refused += 1
            assert any(problem.is_error for problem in rules.check(bad)), (rule, path)
    assert refused > len(BAD) // 2


def test_more_than_twenty_services_do_not_fit_a_placement() -> None:
    many = good()
    for index in range(20):
        many["services"][f"s{index}"] = copy.deepcopy(service(many))
        many["deployment"][f"s{index}"] = copy.deepcopy(many["deployment"]["llm"])
    assert ("units", "profiles.placement.akash") in found(many)


def test_a_name_of_any_length_is_refused_in_one_reading() -> None:
    """Two that share their letters would need the square of a million."""
    named = good()
    named["endpoints"] = {"a" * 1_000_000 + "!": {"kind": "ip"}}
    assert "endpoint-name" in {rule for rule, _ in found(named)}


def test_an_endpoints_port_is_taken_once() -> None:
    leased = good()
    leased["endpoints"] = {"mine": {"kind": "ip"}}
    port = {"port": 9, "to": [{"global": True, "ip": "mine"}]}
    leased["services"]["gateway"]["expose"] += [port, copy.deepcopy(port)]
    assert ("endpoint-port", "services.gateway.expose[2].to[0]") in found(leased)


def test_a_hostname_is_accepted_once() -> None:
    twice = good()
    door(twice)["accept"] = ["x.org"]
    service(twice)["expose"][0]["accept"] = ["x.org"]
    assert any(rule == "hostname-twice" for rule, _ in found(twice))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a6000", "rtxa6000"),
        ("RTX 4090", "rtx4090"),
        ("NVIDIA GeForce RTX 3090 Ti", "rtx3090ti"),
        ("H100-SXM5", "h100"),
        ("a100-80gb", "a100"),
        ("rtx4090", ""),
        ("tpu", ""),
    ],
)
def test_the_gpu_that_was_meant_is_named(written: str, meant: str) -> None:
    assert suggest(written) == meant


def test_problems_are_bounded_and_errors_come_first() -> None:
    flood = good()
    flood["services"] |= {f"Bad{index}": None for index in range(500)}
    problems = rules.check(flood)
    assert len(problems) == MAX_PROBLEMS
    assert [problem.is_error for problem in problems] == sorted(
        (problem.is_error for problem in problems), reverse=True
    )


def test_a_fix_names_some_of_what_there_is() -> None:
    """With all of them in each, a file of 36 KB took fourteen seconds."""
    found = rules.check(
        {
            "services": {f"s{number}": {} for number in range(2000)},
            "deployment": {f"d{number}": {} for number in range(2000)},
        }
    )
    assert all(len(problem.fix) < 500 for problem in found)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | st.integers() | st.none(), inner, max_size=4)
    ),
    max_leaves=12,
)
PLACES: list[Callable[[Any], Any]] = [
    root, service, door, options, resources, card, placement, price, unit,
]  # fmt: skip


@settings(max_examples=300, deadline=None, database=None)
@given(data=st.data())
def test_anything_at_any_place_is_answered_with_problems_and_no_traceback(
    data: st.DataObject,
) -> None:
    broken = good()
    where = data.draw(st.sampled_from(PLACES))(broken)
    where[data.draw(st.sampled_from(sorted(where)))] = data.draw(ANYTHING)
    for problem in rules.check(broken):
        assert problem.sentence.isprintable()
        assert problem.path.isprintable()


@settings(max_examples=100, deadline=None, database=None)
@given(anything=ANYTHING)
def test_anything_at_all_is_answered_with_problems(anything: object) -> None:
    assert rules.check(anything)
