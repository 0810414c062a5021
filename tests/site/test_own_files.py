"""The files that run the site itself: they hold what they claim, by the judges of the others."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import yaml

import inference
import oneclick_site
from oneclick_site import settings
from tests.judge.client import Judge
from tests.site.live import ROOT
from wizard.demo import configuration
from wizard.sdl import rules

AKASH = ROOT / "deploy" / "akash.yaml"
COMPOSE = ROOT / "docker-compose.yaml"


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


def test_it_works() -> None:
    assert [problem for problem in rules.check(_read(AKASH)) if problem.is_error] == []
    with Judge() as judge:
        assert judge.judge(AKASH.read_text()).accepted


def test_compose_names_upstreams_that_the_site_understands() -> None:
    site = _read(COMPOSE)["services"]["site"]["environment"]
    text = site["DEMO_UPSTREAMS"].replace(
        "${RUNTIME_KEY:?make one with openssl rand -hex 24}", "a-key-of-the-operator"
    )
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
    assert oneclick_site.__version__ == version
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == version
    ours = {image for image in images if "/oneclickllm/" in image}
    assert ours == {
        f"ghcr.io/oneclickllm/site:{version}",
        f"ghcr.io/oneclickllm/runtime:{version}-cpu",
    }
    assert not [image for image in images if image.endswith(":latest") or ":" not in image]
