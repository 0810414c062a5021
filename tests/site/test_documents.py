"""What the documents name exists: links, headings, files, commands and their options."""

from __future__ import annotations

import functools
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site.live import ROOT

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "inference/**/*.md", "wizard/**/*.md", ".github/**/*.yml")
    for path in ROOT.glob(pattern)
)
_LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```|`[^`\n]+`|^ +- run: [^\n]+", re.DOTALL | re.MULTILINE)
_TARGET = re.compile(r"^(?:`| +- run: )?make ([a-z][a-z-]*)", re.MULTILINE)
_FILE = re.compile(r"`((?:scripts|benchmarks|deploy|docs|static|templates|tests)/[\w./-]*)`")
_COMMAND = re.compile(
    r"(?P<start>manage\.py|-m (?:benchmarks|inference)[\w.]*)(?P<rest>(?:[^`\n\\]|\\\n)*)"
)
_OPTION = re.compile(r"(?<=\s)--[a-z][a-z-]*")


def _text(document: str) -> str:
    return (ROOT / document).read_text()


def _targets(document: str) -> set[str]:
    """What ``make`` is asked for in code: prose makes many things."""
    return set(_TARGET.findall("\n".join(_CODE.findall(_text(document)))))


def _slugs(text: str) -> set[str]:
    """Anchors of a document's headings, as GitHub makes them."""
    found = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading))
        found.add(plain.strip().lower().replace(" ", "-"))
    return found


def _links(document: str) -> Iterator[str]:
    for link, source in _LINK.findall(_FENCE.sub("", _text(document))):
        target = link or source
        if "://" not in target and not target.startswith(("mailto:", "/")):
            yield target


def test_it_works() -> None:
    """The patterns find something, so that the tests below can fail."""
    assert {"README.md", "docs/scale.md", ".github/workflows/test.yml"} <= set(DOCUMENTS)
    assert "docs/operating.md" in _links("README.md")
    assert _slugs("# What `others` made: a list\n") == {"what-others-made-a-list"}
    assert {"run", "test"} <= _targets("README.md")
    assert _targets(".github/workflows/test.yml") == {"test"}
    commands = {module for document in DOCUMENTS for module, _ in _commands(document)}
    assert {"manage.py estimate", "-m benchmarks.scale", "-m inference"} <= commands


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_link_leads_to_a_file_and_a_heading(document: str) -> None:
    for target in _links(document):
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        assert file.exists(), target
        if anchor:
            assert anchor in _slugs(file.read_text()), target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_target_of_make_and_each_file_exists(document: str) -> None:
    rules = set(re.findall(r"^([a-z][a-z-]*):", _text("Makefile"), re.MULTILINE))
    assert _targets(document) <= rules
    for name in _FILE.findall(_text(document)):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_command_has_the_options_that_are_named(document: str) -> None:
    for command, options in _commands(document):
        missing = options - _known_options(command)
        assert not missing, f"{command} has no {', '.join(sorted(missing))}"


def _commands(document: str) -> Iterator[tuple[str, set[str]]]:
    for found in _COMMAND.finditer(_text(document)):
        start, rest = found["start"].rstrip("."), found["rest"].replace("\\\n", " ")
        first = next(iter(rest.split()), "")
        is_plain = bool(re.fullmatch(r"[a-z_]+", first))
        if start == "manage.py" and is_plain:
            start = f"{start} {first}"
        yield start, set(_OPTION.findall(rest.partition(" #")[0]))


@functools.cache
def _known_options(command: str) -> set[str]:
    """The options that a command takes: by its source, or by the runtime's own help."""
    if command == "manage.py":
        return set()
    if command == "-m inference":
        return _runtime_options()
    name = command.removeprefix("manage.py ").removeprefix("-m ")
    if command.startswith("manage.py"):
        name = f"wizard.management.commands.{name}"
    found = importlib.util.find_spec(name)
    assert found and found.origin, f"{command} does not exist"
    return set(re.findall(r"\"(--[a-z][a-z-]*)\"", Path(found.origin).read_text()))


def _runtime_options() -> set[str]:
    found: set[str] = set()
    for subcommand in ([], ["serve"], ["pull"], ["check"]):
        line = [sys.executable, "-m", "inference", *subcommand, "--help"]
        told = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
        found |= set(re.findall(r"--[a-z][a-z-]*", told.stdout))
    return found


def test_each_picture_is_shown_and_each_that_is_shown_exists() -> None:
    pictures = {Path(target).name for document in DOCUMENTS for target in _links(document)
                if target.endswith(".png")}  # fmt: skip
    assert pictures == {path.name for path in (ROOT / "docs" / "images").glob("*.png")}
