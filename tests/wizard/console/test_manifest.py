"""Group specs, manifests and hashes are those that Akash's own SDK makes, to the byte."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.judge.client import Judge
from tests.wizard.sdl import factory
from wizard.console import groups, manifest
from wizard.sdl import document, writer
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Engine, Resources, Secrets, StorageClass

GI = factory.GI
CARDS = (factory.gpu(), factory.gpu("a100", "80Gi"), factory.gpu("l40s", ""))


@st.composite
def documents(draw: st.DrawFn, engine: Engine) -> dict[str, Any]:
    """A document of any choices that change what providers see."""
    nodes = draw(st.sampled_from((1, 2, 4))) if engine is Engine.VLLM else 1
    count = draw(st.sampled_from((1, 2, 8)))
    on_gpu = engine is Engine.VLLM or draw(st.booleans())
    cards = draw(st.lists(st.sampled_from(CARDS), min_size=1, max_size=3, unique=True))
    plan = factory.plan(
        engine,
        count=count,
        nodes=nodes,
        chosen=tuple(factory.offer(card, count, nodes) for card in cards) if on_gpu else (),
        replicas=draw(st.integers(1, 20)) if nodes == 1 else 1,
        region=draw(st.sampled_from(("", "us-west"))),
        audited=draw(st.booleans()),
        storage_class=draw(st.sampled_from(StorageClass)),
        price_ceiling=draw(st.floats(0.01, 5000)),
        extra_env=(
            ("NOTE", draw(st.text(st.characters(categories=["L", "P", "S"]), max_size=20))),
        ),
        resources=Resources(
            cpu=draw(st.sampled_from((0.1, 0.57, 4, 7.5, 128))),
            memory=draw(st.integers(512 << 20, 1 << 40)),
            root_disk=draw(st.integers(1 << 20, 200 * GI)),
            volume=draw(st.integers(1 * GI, 4096 * GI)),
            shared_memory=8 * GI if engine is Engine.VLLM and count > 1 else 0,
        ),
    )
    return document.build(plan, Secrets())


@pytest.mark.parametrize("engine", list(Engine))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_it_works(judge: Judge, engine: Engine, data: st.DataObject) -> None:
    try:
        built = data.draw(documents(engine))
    except SdlError:
        return
    theirs = judge.derive(writer.to_yaml(built))
    assert groups.group_specs(built) == theirs["group_specs"]
    assert manifest.manifest(built) == theirs["manifest"]
    assert manifest.manifest_hash(built) == theirs["hash"]


def test_another_key_is_another_deployment() -> None:
    plan = factory.plan()
    one, other = (document.build(plan, Secrets(api_key_sha256=digit * 64)) for digit in "ab")
    assert manifest.manifest_hash(one) != manifest.manifest_hash(other)
    assert groups.is_same(one, other)


def test_another_card_cannot_be_had_in_place() -> None:
    one, other = (
        document.build(factory.plan(chosen=(factory.offer(card),)), Secrets()) for card in CARDS[:2]
    )
    assert not groups.is_same(one, other)


def test_a_word_that_is_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="16Gi"):
        groups.size_bytes("plenty")
