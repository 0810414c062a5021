"""The runtime's settings: flags or environment variables of the same names.

``MODEL`` in the environment is ``--model`` on the command line; a flag counts
more. A secret may be given as ``NAME_FILE``, the path of a file that holds it.
What makes no sense is refused in one sentence before anything is downloaded.
"""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from inference.errors import SettingsError
from inference.settings_table import TABLE, Setting

__all__ = [
    "TABLE",
    "FlagParser",
    "Setting",
    "Settings",
    "add_flags",
    "from_flags",
    "load",
    "markdown_table",
]

LARGEST_SECRET_FILE = 64 << 10


@dataclass(frozen=True)
class Settings:
    """Everything that the runtime was told. None means auto.

    ``models`` are canonical names (``str(refs.parse(…))``) or absolute paths,
    the default one first. ``aliases`` maps other names to them.
    ``api_key_hashes`` are SHA-256 in lower-case hexadecimal; the keys
    themselves are not kept. ``context_length`` is tokens for each request;
    ``keep_alive`` is seconds, below zero forever.
    """

    models: tuple[str, ...]
    aliases: tuple[tuple[str, str], ...]
    projector: str
    api_key_hashes: frozenset[str] = field(repr=False)
    insecure: bool
    host: str
    port: int
    cors_origins: tuple[str, ...]
    context_length: int | None
    slots: int | None
    kv_cache_type: str
    batch: int
    ubatch: int
    gpu_layers: int | None
    cpu_moe: bool
    threads: int | None
    embeddings: str
    speculative: str
    keep_alive: float
    memory_budget: int | None
    engine_binary: Path | None
    models_dir: Path
    hf_token: str = field(repr=False)
    hugging_face_url: str
    ollama_registry_url: str
    download_connections: int
    allow_pull: bool
    listen_when_ready: bool
    max_body_bytes: int
    max_queue: int
    request_timeout: float
    load_timeout: float
    heartbeat: float
    grace_time: float
    log_level: str

    @property
    def default_model(self) -> str:
        """The model that a request without a name gets; empty where none is named."""
        return self.models[0] if self.models else ""


class FlagParser(argparse.ArgumentParser):
    """A parser whose errors are sentences; a mistyped flag's value is not repeated."""

    def error(self, message: str) -> NoReturn:
        what, colon, words = message.partition(": ")
        if what == "unrecognized arguments":
            flags = (word.partition("=")[0] for word in words.split() if word.startswith("-"))
            message = f"{what}{colon}{' '.join(flags) or 'see what is not a flag'}"
        raise SettingsError(f"{message[:1].upper()}{message[1:]}.", next_step="See --help.")


def add_flags(parser: argparse._ActionsContainer) -> None:
    """Add a flag for every setting, and ``--name-file`` for every secret."""
    for setting in TABLE:
        options: dict[str, Any] = {"action": "append"} if setting.many else {}
        if setting.switch:
            options = {"nargs": "?", "const": "1"}
        default = f" (default: {setting.default})" if setting.default else ""
        meaning = (setting.meaning + default).replace("%", "%%").replace("`", "")
        parser.add_argument(
            setting.flag, dest=setting.name, help=meaning, metavar="VALUE", **options
        )
        if setting.secret:
            parser.add_argument(
                f"{setting.flag}-file",
                dest=f"{setting.name}_FILE",
                metavar="PATH",
                help=f"A file that holds {setting.name}.",
            )


def load(argv: Sequence[str], environ: Mapping[str, str], *, serving: bool = True) -> Settings:
    """Read flags and environment.

    ``serving`` says whether a server is to be started, for which a model and,
    beyond loopback, a key are needed. Raises SettingsError with a sentence.
    """
    parser = FlagParser(prog="python -m inference", allow_abbrev=False, add_help=False)
    add_flags(parser)
    return from_flags(vars(parser.parse_args(list(argv))), environ, serving=serving)


def from_flags(
    flags: Mapping[str, Any], environ: Mapping[str, str], *, serving: bool = True
) -> Settings:
    """As :func:`load`, with flags that are parsed already (by name, None where absent)."""
    values = {setting.key: _read(setting, flags, environ) for setting in TABLE}
    hashes = frozenset((*values.pop("api_key"), *values.pop("api_key_sha256")))
    if values["cors_origins"] is None:
        values["cors_origins"] = ("*",) if hashes else ()
    settings = Settings(api_key_hashes=hashes, **_with_targets(values))
    _check(settings)
    if serving:
        _check_serving(settings)
    return settings


def markdown_table() -> str:
    """The documentation's table of settings."""
    rows = [
        f"| `{setting.name}` | {f'`{setting.default}`' if setting.default else ''} "
        f"| {setting.meaning}{f' (or `{setting.name}_FILE`)' if setting.secret else ''} |"
        for setting in TABLE
    ]
    return "\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *rows])


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read(setting: Setting, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    text = _text(setting, flags, environ).strip()
    try:
        return setting.parse(text)
    except ValueError as error:
        shown = "" if setting.secret else f" is {text[:120]!r}, which"
        reason = str(error).rstrip(".")
        raise SettingsError(f"{setting.name}{shown} makes no sense: {reason}.") from None


def _text(setting: Setting, flags: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    for source in (flags, environ):
        given, path = source.get(setting.name), source.get(f"{setting.name}_FILE")
        if given and path:
            raise SettingsError(f"Set {setting.name} or {setting.name}_FILE, not both.")
        if path and setting.secret:
            return _secret(f"{setting.name}_FILE", str(path))
        if given:
            return str(given) if isinstance(given, str) else "\n".join(given)
    return setting.default


def _secret(name: str, path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(LARGEST_SECRET_FILE)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(f"{name} points at {path}, which cannot be read: {reason}.") from None


def _with_targets(values: dict[str, Any]) -> dict[str, Any]:
    """Let an alias without a target mean the default model."""
    models: tuple[str, ...] = values["models"]
    if values["aliases"] and not models:
        raise SettingsError("MODEL_ALIASES needs a MODEL that they stand for.")
    pairs = ((name, _target(name, target, models)) for name, target in values["aliases"])
    return {**values, "aliases": tuple(pairs)}


def _target(alias: str, target: str, models: tuple[str, ...]) -> str:
    """The model that an alias stands for; a local file goes by its own name too."""
    if not target or target in models:
        return target or models[0]
    stem = target.removesuffix(":latest")
    for model in models:
        if model.startswith("/") and Path(model).stem == stem:
            return model
    raise SettingsError(f"The alias {alias!r} stands for {target}, which MODEL does not name.")


def _check(settings: Settings) -> None:
    if settings.ubatch > settings.batch:
        raise SettingsError(
            f"UBATCH ({settings.ubatch}) is larger than BATCH ({settings.batch}): make it smaller."
        )


def _check_serving(settings: Settings) -> None:
    if not settings.models and not settings.allow_pull:
        raise SettingsError(
            "No model is named.", next_step="Set MODEL, such as hf.co/Qwen/Qwen3-8B-GGUF:Q4_K_M."
        )
    if settings.api_key_hashes or settings.insecure or is_loopback(settings.host):
        return
    raise SettingsError(
        f"HOST is {settings.host}, which others can reach, and there is no key.",
        next_step="Set API_KEY or API_KEY_SHA256, or say --insecure if everyone may use it.",
    )
