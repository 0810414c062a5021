"""The free demo against the dialects that the runtime's OpenAPI document describes.

    var/fuzz/venv/bin/python -m benchmarks.fuzz.demo [EXAMPLES=100]

Starts a site with a stand-in for each kind of upstream, lets schemathesis ask every
POST route that the demo shares with the runtime, and ends it. Each request names one of
the demo's models, so that its translation is what is tried.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from inference.openapi.document import document
from tests.site.live import LiveSite
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import demo_site
from wizard.demo.application import ROUTES
from wizard.demo.values import Kind

DESCRIBED = Path("var/fuzz/demo.json")
CHECKS = "no_fault_of_the_server,each_line_has_its_shape,response_schema_conformance"


def described() -> dict[str, Any]:
    """The runtime's document, with no more than the routes of the demo that take a body."""
    whole = document()
    paths = [path for path, (methods, _) in ROUTES.items() if methods == ("POST",)]
    return {**whole, "paths": {path: whole["paths"][path] for path in paths}}


def asked(site: LiveSite, examples: str) -> int:
    """Let schemathesis ask. Returns its exit code."""
    found = subprocess.run(
        [
            *("nice", "-n", "10", Path(sys.executable).with_name("schemathesis"), "run"),
            *(DESCRIBED, "--url", site.url, "--max-examples", examples, "--checks", CHECKS),
            *("--mode", "all", "--generation-deterministic", "--request-timeout", "60"),
            *("--suppress-health-check", "all", "--continue-on-failure"),
        ],
        env={
            **os.environ,
            "PYTHONPATH": ".",
            "SCHEMATHESIS_HOOKS": "benchmarks.fuzz.checks",
            "DEMO_MODELS": ",".join(f"on-{kind}" for kind in Kind),
        },
        check=False,
    )
    return found.returncode


def main() -> int:
    examples = sys.argv[1] if len(sys.argv) > 1 else "100"
    DESCRIBED.parent.mkdir(parents=True, exist_ok=True)
    DESCRIBED.write_text(json.dumps(described()), encoding="utf-8")
    with ExitStack() as opened:
        standins = {kind.value: opened.enter_context(Upstream()) for kind in Kind}
        site = opened.enter_context(demo_site(standins, DEMO_QUEUE="500"))
        code = asked(site, examples)
        failed = [line for line in site.log.read_text().splitlines() if "a request failed" in line]
        sys.stdout.write("\n".join(failed[:5]) + "\n")
        return code or bool(failed)


if __name__ == "__main__":
    sys.exit(main())
