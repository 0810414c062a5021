"""Run one target under atheris (libFuzzer), or replay files.

    benchmarks/fuzz/run.sh [SECONDS] [TARGET…]        all targets, each for SECONDS
    python -m benchmarks.fuzz TARGET [libFuzzer's flags] [corpus]

libFuzzer stops at the first crash, at an input that takes over 10 seconds
(``-timeout``), and beyond ``-rss_limit_mb``; it prints the inputs it ran and
the memory at the end. A find is written to ``var/fuzz/finds``: put it into
``tests/security/seeds/TARGET/`` and mend the code.
"""

from __future__ import annotations

import os
import sys

import atheris
import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oneclick_site.settings")
django.setup()

with atheris.instrument_imports(include=["benchmarks.fuzz", "inference", "wizard"]):
    from benchmarks.fuzz import targets


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in targets.TARGETS:
        sys.exit(f"Name a target: {', '.join(targets.TARGETS)}.")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], targets.TARGETS[sys.argv[1]])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
