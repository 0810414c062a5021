"""What can be changed in place, for each engine's file."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wizard.sdl import factory
from wizard.console import changes, errors, groups
from wizard.sdl import document, rules
from wizard.sdl.values import Engine, Secrets


def file_of(engine: Engine, **choices: Any) -> dict[str, Any]:
    return document.build(factory.plan(engine, **choices), Secrets())


@pytest.mark.parametrize("engine", list(Engine))
def test_it_works(engine: Engine) -> None:
    before = file_of(engine)
    after = changes.changed(before, 4096, "registry.example.com/llm:2.0.1")
    assert after == {
        **file_of(engine, context=4096),
        "services": {
            **file_of(engine, context=4096)["services"],
            "llm": {
                **file_of(engine, context=4096)["services"]["llm"],
                "image": "registry.example.com/llm:2.0.1",
            },
        },
    }
    assert changes.context_of(before) == 8192
    assert changes.context_of(after) == 4096
    assert groups.is_same(before, after)
    assert not [problem for problem in rules.check(after) if problem.is_error]
    changes.check_in_place(before, after)


def test_the_file_that_runs_is_left_alone() -> None:
    before = file_of(Engine.RUNTIME)
    changes.changed(before, 4096, "")
    assert changes.context_of(before) == 8192


@pytest.mark.parametrize("context", [0, 255, 1 << 25])
def test_a_context_that_makes_no_sense(context: int) -> None:
    with pytest.raises(errors.FileRefused):
        changes.changed(file_of(Engine.RUNTIME), context, "")


@pytest.mark.parametrize("image", ["runtime", "runtime:latest", "Runtime:1", "a b:1", "x:1\n- y"])
def test_an_image_that_is_none(image: str) -> None:
    with pytest.raises(errors.FileRefused):
        changes.changed(file_of(Engine.RUNTIME), None, image)


def test_a_file_of_another_kind() -> None:
    with pytest.raises(errors.NotInPlace):
        changes.changed({"services": {"web": {}}}, 4096, "")
    with pytest.raises(errors.NotInPlace):
        changes.changed({"services": {"llm": {"env": ["A=1"]}}}, 4096, "")
    assert changes.context_of({"services": {"llm": {"args": ["--ctx-size"]}}}) is None


def test_other_hardware_is_a_new_deployment() -> None:
    with pytest.raises(errors.NotInPlace):
        changes.check_in_place(file_of(Engine.RUNTIME), file_of(Engine.RUNTIME, audited=True))
