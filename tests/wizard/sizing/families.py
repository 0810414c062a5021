"""Headers of released models, one or two of each family, from their published configurations.

``families.json`` has only what llama.cpp needs to lay a model out: no tokenizer,
no tensors. Its keys begin with a dot where they belong to the architecture.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.standins import gguf

Header = dict[str, gguf.Value]
_EPSILON: Header = {
    ".attention.layer_norm_rms_epsilon": 1e-5,
    ".attention.layer_norm_epsilon": 1e-5,
}


def header(own: Header) -> Header:
    """A header as it is written: keys that begin with a dot belong to the architecture."""
    name = str(own["general.architecture"])
    keys = own | _EPSILON
    return {name + key if key.startswith(".") else key: value for key, value in keys.items()}


def _read() -> dict[str, Header]:
    found: dict[str, Header] = json.loads(Path(__file__).with_suffix(".json").read_text())
    return {name: header(own) for name, own in found.items()}


HEADERS = _read()
