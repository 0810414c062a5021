"""``python -m inference pull|show|list|remove|check|serve``.

Answers go to standard output, progress and errors to standard error. With
``--json`` every answer is one JSON line; ``pull`` then tells its progress in
JSON lines too, the downloaded model last.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from inference import __version__, errors, reports, setting_types
from inference.errors import InferenceError, SettingsError
from inference.progress_bar import Bar, JsonLines
from inference.pull import find, installed, remove
from inference.settings import FlagParser, Settings, add_flags, from_flags

INTERRUPTED = 130
EXIT_CODES = (
    (0, "done"),
    (errors.InferenceError.exit_code, "another failure"),
    (errors.SettingsError.exit_code, "a flag, a setting or a name that makes no sense"),
    (errors.ModelNotFound.exit_code, "no such model, file or revision"),
    (errors.ModelGated.exit_code, "gated: terms to accept, or a token to give"),
    (errors.Unsupported.exit_code, "a model that this server cannot run"),
    (errors.RegistryUnreachable.exit_code, "no usable answer from the registry"),
    (errors.NotEnoughDisk.exit_code, "no room, or a folder that cannot be used"),
    (errors.DigestMismatch.exit_code, "broken bytes: a wrong digest or an unreadable file"),
    (errors.EngineError.exit_code, "llama.cpp did not start, or ended"),
    (INTERRUPTED, "interrupted"),
)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command. Returns the exit code."""
    wants_json = "--json" in argv
    try:
        return _run(argv, environ)
    except InferenceError as error:
        _tell_error(error, wants_json=wants_json)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    options = vars(_parser(argv).parse_args(list(argv)))
    command: Callable[[Settings, dict[str, Any]], int] = options["run"]
    names = tuple(map(_name, options.get("names") or ()))
    flags = {**options, "MODEL": list(names) or options["MODEL"]}
    settings = from_flags(flags, environ, serving=options["command"] in ("serve", "check"))
    return command(settings, options)


def _name(text: str) -> str:
    try:
        return setting_types.model(text)
    except ValueError as error:
        raise errors.InvalidName(str(error)) from None


def _pull(settings: Settings, options: dict[str, Any]) -> int:
    pull = _needed("inference.pull.pulling").pull
    for name in _required(settings):
        watch = JsonLines() if options["json"] else Bar(name)
        with watch:
            model = pull(name, settings, watch.tell, refresh=options["refresh"])
        _answer(options, reports.model_facts(model), f"{model.name} is ready: {model.path}")
    return 0


def _show(settings: Settings, options: dict[str, Any]) -> int:
    file_report = _needed("inference.file_report")
    for name in _required(settings):
        model = find(name, settings)
        if model is None:
            raise errors.ModelNotFound(
                f"{name} is not on this machine.", next_step=f"Bring it with: pull {name}"
            )
        facts = file_report.file_facts(model, verbose=options["verbose"])
        _answer(options, facts, file_report.facts_text(facts))
    return 0


def _list(settings: Settings, options: dict[str, Any]) -> int:
    models = installed(settings)
    _answer(options, [reports.model_facts(model) for model in models], reports.table(models))
    return 0


def _remove(settings: Settings, options: dict[str, Any]) -> int:
    for name in _required(settings):
        remove(name, settings)
        _answer(options, {"removed": name}, f"{name} is removed.")
    return 0


def _check(settings: Settings, options: dict[str, Any]) -> int:
    checking = _needed("inference.checking")
    report = checking.check(settings)
    _answer(options, report, checking.check_text(report))
    return errors.UnreadableModel.exit_code if checking.is_bad(report) else 0


def _serve(settings: Settings, _options: dict[str, Any]) -> int:
    code: int = _needed("inference.serving").serve(settings)
    return code


def _needed(module: str) -> Any:
    """A module that the other commands do without, and would wait for."""
    return importlib.import_module(module)


def _required(settings: Settings) -> tuple[str, ...]:
    if not settings.models:
        raise SettingsError("No model is named.", next_step="Name one, such as llama3.1:8b.")
    return settings.models


def _answer(options: Mapping[str, Any], value: object, text: str) -> None:
    print(orjson.dumps(value).decode() if options["json"] else text, flush=True)


def _tell_error(error: InferenceError, *, wants_json: bool) -> None:
    if wants_json:
        kind = type(error).__name__
        value = {"error": str(error), "next_step": error.next_step, "kind": kind}
        print(orjson.dumps(value).decode(), flush=True)
    else:
        print(error.sentence, file=sys.stderr, flush=True)


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The commands, and the flags of those that are asked for: each has all the settings."""
    codes = "\n".join(f"  {code:3}  {meaning}" for code, meaning in EXIT_CODES)
    parser = FlagParser(
        prog="python -m inference",
        description="Download any open GGUF model and serve it behind a key.",
        epilog=f"exit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"oneclickllm {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, run, names, meaning in (
        ("pull", _pull, "*", "download models and verify them"),
        ("show", _show, "*", "what a downloaded model is"),
        ("list", _list, "", "the downloaded models"),
        ("remove", _remove, "+", "delete downloaded models"),
        ("check", _check, "*", "what serve would do, without the network"),
        ("serve", _serve, "*", "download what is missing, and serve it"),
    ):
        command = commands.add_parser(name, help=meaning, description=meaning, allow_abbrev=False)
        command.set_defaults(run=run, refresh=False, verbose=False)
        if name in argv:
            _add_flags(command, name, names)
    return parser


def _add_flags(parser: argparse.ArgumentParser, name: str, names: str) -> None:
    if names:
        parser.add_argument("names", nargs=names, metavar="MODEL", help="instead of --model")
    if name == "pull":
        parser.add_argument(
            "--refresh", action="store_true", help="ask whether there is a newer one"
        )
    if name == "show":
        parser.add_argument("--verbose", action="store_true", help="with long lists and tensors")
    parser.add_argument("--json", action="store_true", help="answer in JSON lines")
    add_flags(parser.add_argument_group("settings, as flags or environment variables"))
