"""The rules of one service: image, command, env, credentials, params."""

from __future__ import annotations

import re
from collections.abc import Mapping

from wizard.sdl.rules.expose import check_expose
from wizard.sdl.rules.report import Report, join, shown

KEYS = ("image", "command", "args", "env", "expose", "credentials", "dependencies", "params")
SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?\Z")
# Kubernetes names a Service after it: a DNS label.
MAX_SERVICE_NAME = 63
ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*\Z")
PERMISSIONS = ("deployment", "logs", "events")

# https://github.com/distribution/reference: [host[:port]/]path[:tag][@digest]
# What repeats within what repeats begins with a mark, so that there is one way to read a text:
# with several, a text that is no reference takes for ever to be refused.
_IMAGE = re.compile(
    r"(?:[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*(?:\.[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)*(?::\d{1,5})?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?\Z"
)
_MAX_IMAGE = 400


def check_image(report: Report, value: object, path: str) -> None:
    """An image needs a tag that stays the same, or a digest."""
    image = report.text(value, path)
    if not image:
        return
    match = _IMAGE.match(image) if len(image) <= _MAX_IMAGE else None
    if not match:
        report.error(
            path,
            "image-form",
            f"{shown(image)} is no image reference.",
            "Write it like ghcr.io/owner/name:1.2.3.",
        )
    elif match["digest"]:
        return
    elif not match["tag"]:
        report.error(
            path,
            "image-tag",
            f"{shown(image)} has no tag.",
            f"Name a version, such as {shown(image)}:1.2.3.",
        )
    elif match["tag"] == "latest":
        report.error(
            path,
            "image-latest",
            "The tag latest changes under you, and Akash's checker refuses it.",
            "Name the version that you tested.",
        )


def _check_strings(report: Report, value: object, path: str) -> None:
    if value is None:
        return
    for item, item_path in report.members(value, path):
        if not isinstance(item, str):
            report.error(
                item_path,
                "string",
                f"{shown(item)} is not a text, and only texts are allowed here.",
                f'Put it in double quotes: "{shown(item)}".',
            )


def _check_env(report: Report, value: object, path: str) -> None:
    if isinstance(value, Mapping):
        report.error(
            path, "env-form", "env is a list, not a mapping.", 'Write each as - "NAME=value".'
        )
        return
    _check_strings(report, value, path)
    seen: set[str] = set()
    for index, item in enumerate(value if isinstance(value, list | tuple) else ()):
        if not isinstance(item, str):
            continue
        name = item.split("=", 1)[0]
        if not ENV_NAME.match(name) or name == "." or name.startswith(".."):
            report.error(
                join(path, index),
                "env-name",
                f"{shown(name) or 'An empty text'} is no variable's name.",
                'Write "NAME=value": letters, digits, “_”, “-” and “.”, no digit first.',
            )
        elif name in seen:
            report.warning(
                join(path, index),
                "env-twice",
                f"{shown(name)} is set twice; the last one counts.",
                "Keep one of them.",
            )
        seen.add(name)


def _check_credentials(report: Report, value: object, path: str) -> None:
    credentials = report.mapping(value, path)
    report.known_keys(credentials, path, ("host", "username", "password", "email"))
    report.required(credentials, path, "host", "username", "password")
    for key, least in (("host", 1), ("username", 1), ("password", 6), ("email", 5)):
        if key not in credentials:
            continue
        text = report.text(credentials[key], join(path, key))
        if text and len(text.strip()) < least:
            report.error(
                join(path, key),
                "credentials",
                f"{key} has at least {least} characters.",
                "Write the registry's own value, a token as the password.",
            )


def _check_dependencies(report: Report, value: object, path: str) -> None:
    for item, item_path in report.members(value, path):
        dependency = report.mapping(item, item_path)
        report.known_keys(dependency, item_path, ("service",))
        if "service" in dependency:
            report.text(dependency["service"], join(item_path, "service"))


def _check_mounts(report: Report, value: object, path: str) -> None:
    taken: dict[str, str] = {}
    for name, item, item_path in report.items(value, path):
        params = report.mapping(item, item_path)
        report.known_keys(params, item_path, ("mount", "readOnly"))
        if "readOnly" in params:
            report.boolean(params["readOnly"], join(item_path, "readOnly"))
        if "mount" not in params:
            continue
        mount = report.text(params["mount"], join(item_path, "mount"))
        if mount and not mount.startswith("/"):
            report.error(
                join(item_path, "mount"),
                "mount-absolute",
                f"{shown(mount)} is not an absolute path.",
                f"Start it with a slash: /{shown(mount)}.",
            )
        elif mount in taken:
            report.error(
                join(item_path, "mount"),
                "mount-twice",
                f"{shown(mount)} is where {taken[mount]} is mounted already.",
                "Give each volume a path of its own.",
            )
        taken[mount] = shown(name)


def _check_permissions(report: Report, value: object, path: str) -> None:
    permissions = report.mapping(value, path)
    report.known_keys(permissions, path, ("read",))
    if "read" not in permissions:
        return
    for item, item_path in report.members(permissions["read"], join(path, "read")):
        if item not in PERMISSIONS:
            report.error(
                item_path,
                "permission",
                f"{shown(item)} is no permission.",
                f"Use {', '.join(PERMISSIONS)}.",
            )


def _check_params(report: Report, value: object, path: str) -> None:
    params = report.mapping(value, path)
    report.known_keys(params, path, ("storage", "permissions"))
    if "storage" in params:
        _check_mounts(report, params["storage"], join(path, "storage"))
    if "permissions" in params:
        _check_permissions(report, params["permissions"], join(path, "permissions"))


def check_service(report: Report, name: str, value: object, path: str) -> None:
    """Everything that is said of one service in its own place."""
    if not SERVICE_NAME.match(name) or len(name) > MAX_SERVICE_NAME:
        report.error(
            path,
            "service-name",
            f"{shown(name)} is no service's name.",
            "Use lower-case letters, digits and “-”; a letter first, no “-” last, at most 63.",
        )
    service = report.mapping(value, path)
    report.known_keys(service, path, KEYS)
    report.required(service, path, "image")
    checks = {
        "image": check_image,
        "command": _check_strings,
        "args": _check_strings,
        "env": _check_env,
        "expose": check_expose,
        "credentials": _check_credentials,
        "dependencies": _check_dependencies,
        "params": _check_params,
    }
    for key, check in checks.items():
        if key in service:
            check(report, service[key], join(path, key))
