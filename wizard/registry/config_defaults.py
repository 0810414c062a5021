"""What transformers assumes where a config.json is silent.

Each model type's class has defaults, which ``save_pretrained`` leaves out of
nested configs. ``scripts/config_defaults.py`` writes them down.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("config_defaults.json")


@cache
def _all() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def of_text(outer: Mapping[str, Any], text: Mapping[str, Any]) -> Mapping[str, Any]:
    """Defaults of the language model's part of a config, with its ``model_type``.

    Empty for a type that transformers does not know.
    """
    name = text.get("model_type") or outer.get("model_type")
    of_outer = _of(outer.get("model_type"))
    if of_outer and (name == outer.get("model_type") or name is None):
        name = of_outer.get("text_model_type", name)
    found = _of(name)
    return {**found, "model_type": name} if found else {}


def of_encoder(outer: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    """A config's ``vision_config`` or ``audio_config`` with its class's defaults.

    Empty where the config has none, or says so.
    """
    told, defaults = outer.get(part), _of(outer.get("model_type"))
    if not isinstance(told, Mapping):
        return {} if part in outer else _of(defaults.get(f"{part}_type"))
    name = told.get("model_type") or defaults.get(f"{part}_type")
    return {**_of(name), **told, "model_type": name}


def _of(name: object) -> Mapping[str, Any]:
    return _all().get(name, {}) if isinstance(name, str) else {}
