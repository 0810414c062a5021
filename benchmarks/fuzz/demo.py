"""The free demo against its own OpenAPI document.

    var/fuzz/venv/bin/python -m benchmarks.fuzz.demo [EXAMPLES=100]

Starts a site with a stand-in for each kind of upstream, lets schemathesis ask every
route, and ends it. Each request names one of the demo's models, so that its translation
is what is tried.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.site.live import LiveSite
from tests.standins.upstream import Upstream
from tests.wizard.demo.sites import demo_site
from wizard.demo.values import Kind

CHECKS = (
    "no_fault_of_the_server,each_line_has_its_shape,content_type_conformance,"
    "response_schema_conformance,status_code_conformance,response_headers_conformance"
)


def asked(site: LiveSite, examples: str) -> int:
    """Let schemathesis ask. Returns its exit code."""
    found = subprocess.run(
        [
            *("nice", "-n", "10", Path(sys.executable).with_name("schemathesis"), "run"),
            *(f"{site.url}/openapi.json", "--max-examples", examples, "--checks", CHECKS),
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
    with ExitStack() as opened:
        standins = {kind.value: opened.enter_context(Upstream()) for kind in Kind}
        site = opened.enter_context(demo_site(standins, DEMO_QUEUE="500"))
        code = asked(site, examples)
        failed = [line for line in site.log.read_text().splitlines() if "a request failed" in line]
        sys.stdout.write("\n".join(failed[:5]) + "\n")
        return code or bool(failed)


if __name__ == "__main__":
    sys.exit(main())
