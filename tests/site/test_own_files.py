"""The files that run the site itself: they hold what they claim, by the judges of the others."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import inference
import oneclick_site
from inference.openapi.document import document as runtime_document
from oneclick_site import settings
from tests.judge.client import Judge
from tests.site.live import ROOT
from wizard.demo import configuration
from wizard.openapi.document import document as site_document
from wizard.sdl import rules

AKASH = ROOT / "deploy" / "akash.yaml"
COMPOSE = ROOT / "docker-compose.yaml"


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


def test_it_works() -> None:
    assert rules.check(_read(AKASH)) == []
    with Judge() as judge:
        assert judge.judge(AKASH.read_text()).accepted


def test_compose_names_upstreams_that_the_site_understands() -> None:
    site = _read(COMPOSE)["services"]["site"]["environment"]
    text = re.sub(r"\$\{RUNTIME_KEY:\?[^}]+\}", "a-key-of-the-operator", site["DEMO_UPSTREAMS"])
    (upstream,) = configuration.upstreams(text)
    runtime = _read(COMPOSE)["services"]["runtime"]["environment"]
    assert [offer.model for offer in upstream.offers] == [runtime["MODEL"]]
    assert upstream.context == int(runtime["CONTEXT_LENGTH"])
    assert upstream.parallel == int(runtime["SLOTS"])


def test_our_own_images_are_of_one_version() -> None:
    images = [service["image"] for service in _read(COMPOSE)["services"].values()]
    images += [service["image"] for service in _read(AKASH)["services"].values()]
    version = inference.__version__
    assert settings.RUNTIME_IMAGE.endswith(f":{version}")
    assert f"{settings.RUNTIME_IMAGE}-cpu" == settings.RUNTIME_CPU_IMAGE
    assert oneclick_site.__version__ == version
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == version
    ours = {image for image in images if "/oneclickllm/" in image}
    assert ours == {
        f"ghcr.io/oneclickllm/site:{version}",
        f"ghcr.io/oneclickllm/runtime:{version}-cpu",
    }
    assert not [image for image in images if image.endswith(":latest") or ":" not in image]


@pytest.mark.parametrize("name", ["Dockerfile", "inference/Dockerfile", "inference/Dockerfile.cpu"])
def test_an_image_is_labelled_with_the_version(name: str) -> None:
    assert f"\nARG VERSION={inference.__version__}\n" in (ROOT / name).read_text()


def test_the_documents_name_the_version() -> None:
    version = inference.__version__
    assert re.search(rf"^## {version} — ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    for document in (site_document(), runtime_document()):
        assert document["info"]["version"] == version
    for text in ((ROOT / "README.md").read_text(), (ROOT / "docs" / "runtime.md").read_text()):
        named = re.findall(r"ghcr\.io/oneclickllm/\w+:([0-9.]+)", text)
        assert set(named) == {version}


def test_a_release_is_held_against_its_tag() -> None:
    for tag in ("v0.0.1", inference.__version__, ""):
        refused = subprocess.run(
            [ROOT / "scripts" / "check_release.sh", tag],
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 1
        assert f"v{inference.__version__}" in refused.stderr
