"""Write docs/third-party.md: what we ship of others, and under which licences.

``python scripts/third_party.py`` writes it, ``--check`` fails where it is not
current. Names and versions come from the locked requirements, licences from
the installed packages' own metadata.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "third-party.md"
LOCKS = ("requirements.txt", "inference/requirements.txt", "inference/requirements-cpu.txt")
VENDORED = ROOT / "static" / "vendor" / "VENDORED.json"
# Metadata's many spellings, and packages that only some interpreters install.
SPELLINGS = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
}
NOT_EVERYWHERE = {"async-timeout": "Apache-2.0", "deprecated": "MIT"}
# What a deployment may carry: nothing that would reach out to our own code's licence.
ALLOWED = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"} | {
    "OFL-1.1",
    "PSF-2.0",
}
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)\s*(;[^\\\n]*)?", re.MULTILINE)
_ELSEWHERE = ("sys_platform == 'win32'", "sys_platform == 'emscripten'")
HEAD = """# What others made

Written by `scripts/third_party.py`; do not edit.

## In the pages

Copied into `static/vendor/` by `scripts/vendor_assets.py`, which checks each
against the npm registry's integrity hash.

| package | version | licence |
| --- | --- | --- |
"""
PYTHON = """
## Python packages

Of the site and of the runtime, as locked.

| package | version | licence |
| --- | --- | --- |
"""
IMAGES = """
## In the images, beside these

- [llama.cpp](https://github.com/ggml-org/llama.cpp) (MIT): the engine, inside the `xllamacpp`
  wheel, and as the official server image that the CUDA image begins with.
- NVIDIA's CUDA runtime libraries, from that same image, under the
  [CUDA EULA](https://docs.nvidia.com/cuda/eula/).
- Python (PSF-2.0) and the packages of the base image's distribution; each published image carries
  an SBOM that lists them all.

The demo model's weights and its corpus are the project's own.
"""


def locked() -> dict[str, set[str]]:
    """Versions by package, of everything that runs on Linux."""
    found: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, version, marker in _LOCKED.findall((ROOT / lock).read_text(encoding="utf-8")):
            if not any(elsewhere in marker for elsewhere in _ELSEWHERE):
                found.setdefault(name.lower(), set()).add(version)
    return found


def licence_of(name: str) -> str:
    """An SPDX expression. Raises LookupError where the package says nothing."""
    if name in NOT_EVERYWHERE:
        return NOT_EVERYWHERE[name]
    told = metadata.metadata(name)
    first = [text for key in ("License-Expression", "License") for text in told.get_all(key) or ()]
    classifiers = [
        text.rpartition("::")[2].strip()
        for text in told.get_all("Classifier") or ()
        if text.startswith("License")
    ]
    for text in (*first, *classifiers):
        if text and len(text) < 60:
            return str(SPELLINGS.get(text, text))
    raise LookupError(f"{name} names no licence: look it up, and add it to NOT_EVERYWHERE.")


def licences(expression: str) -> set[str]:
    """The single licences of an expression."""
    return set(re.findall(r"[A-Za-z0-9][A-Za-z0-9.-]+", expression)) - {"AND", "OR", "WITH"}


def _vendored() -> Iterator[tuple[str, str, str]]:
    for package in json.loads(VENDORED.read_text(encoding="utf-8")):
        yield package["package"], package["version"], package["licence"]


def _packages() -> Iterator[tuple[str, str, str]]:
    for name, versions in sorted(locked().items()):
        yield name, ", ".join(sorted(versions)), licence_of(name)


def text() -> str:
    """The whole document. Exits where a licence is not one of those allowed."""
    vendored, packages = list(_vendored()), list(_packages())
    for name, _version, expression in (*vendored, *packages):
        if strange := licences(expression) - ALLOWED:
            sys.exit(f"{name} is under {', '.join(sorted(strange))}: is that one we can ship?")
    rows = "".join("| {} | {} | {} |\n".format(*row) for row in vendored)
    more = "".join("| {} | {} | {} |\n".format(*row) for row in packages)
    return f"{HEAD}{rows}{PYTHON}{more}{IMAGES}"


def main() -> None:
    current = text()
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(current, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != current:
        sys.exit("docs/third-party.md is not current: python scripts/third_party.py")


if __name__ == "__main__":
    main()
