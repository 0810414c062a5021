"""What is shipped of others: locked by hash, under licences that may be, as it was fetched."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
import yaml

from scripts import third_party

LOCKS = (*third_party.LOCKS, "requirements-dev.txt")
WORKFLOWS = sorted((third_party.ROOT / ".github" / "workflows").glob("*.yml"))


def test_it_works() -> None:
    assert third_party.TARGET.read_text(encoding="utf-8") == third_party.text()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_has_its_hashes(lock: str) -> None:
    text = (third_party.ROOT / lock).read_text(encoding="utf-8")
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 5
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[^\]]*\])?==", entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]


def test_every_vendored_file_is_the_one_that_was_checked() -> None:
    listed: dict[str, str] = {}
    for package in json.loads(third_party.VENDORED.read_text(encoding="utf-8")):
        assert package["integrity"].startswith("sha512-")
        listed |= package["files"]
    folder = third_party.VENDORED.parent
    there = {path.name for path in folder.iterdir()} - {third_party.VENDORED.name}
    assert there == set(listed)
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(
    ("expression", "single"),
    [("MPL-2.0 AND (Apache-2.0 OR MIT)", {"MPL-2.0", "Apache-2.0", "MIT"}), ("MIT", {"MIT"})],
)
def test_an_expression_is_taken_apart(expression: str, single: set[str]) -> None:
    assert third_party.licences(expression) == single


def test_a_package_without_a_licence_is_not_guessed() -> None:
    with pytest.raises(PackageNotFoundError):
        third_party.licence_of("no-such-package-anywhere")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_no_more_rights_than_it_needs(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False
            assert "${{" not in step.get("run", ""), "text that may be a stranger's, in a command"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_action_is_pinned_to_a_commit(path: Path) -> None:
    lines = re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))
    assert lines
    for line in lines:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[0-9.]+", line), line
