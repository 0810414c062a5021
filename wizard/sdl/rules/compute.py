"""The rules of a compute profile: CPU, memory, GPU.

Limits: chain-sdk ``go/node/deployment/v1beta4/validation_config.go``.
"""

from __future__ import annotations

import re

from wizard.sdl.rules import sizes
from wizard.sdl.rules.gpu_models import KNOWN_MODELS, suggest
from wizard.sdl.rules.report import Report, join, shown
from wizard.sdl.rules.storage import check_storage

MIN_CPU, MAX_CPU = 0.01, 384.0
MIN_MEMORY, MAX_MEMORY = sizes.MI, 2 * sizes.TI
MAX_GPU = 24
INTERFACES = ("pcie", "sxm")

_CPU = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(m?)\Z", re.ASCII)
_COUNT = re.compile(r"\d{1,9}\Z", re.ASCII)
_RAM_LABEL = re.compile(r"[1-9]\d{0,3}Gi\Z", re.ASCII)
_GPU_MODEL = re.compile(r"[a-z0-9]+\Z")


def _cores(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    match = _CPU.match(value) if isinstance(value, str) else None
    if not match or (match[2] and "." in match[1]):
        return None
    return float(match[1]) / (1000 if match[2] else 1)


def _check_cpu(report: Report, value: object, path: str) -> None:
    cpu = report.mapping(value, path)
    report.known_keys(cpu, path, ("units", "attributes"))
    report.required(cpu, path, "units")
    if "attributes" in cpu:
        attributes_path = join(path, "attributes")
        attributes = report.mapping(cpu["attributes"], attributes_path)
        report.known_keys(attributes, attributes_path, ("arch",))
    if "units" not in cpu:
        return
    cores = _cores(cpu["units"])
    if cores is None:
        report.error(
            join(path, "units"),
            "cpu-form",
            f"{shown(cpu['units'])} is no number of CPUs.",
            "Write cores, such as 4 or 0.5, or thousandths, such as 500m.",
        )
    elif not MIN_CPU <= cores <= MAX_CPU:
        report.error(
            join(path, "units"),
            "cpu-limit",
            f"{shown(cpu['units'])} is outside {MIN_CPU} to {MAX_CPU:.0f} cores.",
            "Ask for what the server needs: 4 to 16 for one GPU.",
        )


def check_size(report: Report, value: object, path: str, least: int, most: int) -> None:
    """A size within limits, both in bytes."""
    text = value if isinstance(value, str) else ""
    count = sizes.parse(text)
    if count is None:
        meant = sizes.suggestion(text)
        report.error(
            path,
            "size-suffix",
            f"{shown(value) or 'An empty text'} is no size: the suffixes are k, Ki, M, Mi, G, Gi, "
            "T, Ti, P, Pi, E, Ei.",
            f"Write {meant}." if meant else "Write a text such as 16Gi.",
        )
    elif not least <= count <= most:
        report.error(
            path,
            "size-limit",
            f"{shown(value)} is outside {least // sizes.MI}Mi to {most // sizes.TI}Ti.",
            "Write a size in between.",
        )


def _check_memory(report: Report, value: object, path: str) -> None:
    memory = report.mapping(value, path)
    report.known_keys(memory, path, ("size",))
    report.required(memory, path, "size")
    if "size" in memory:
        check_size(report, memory["size"], join(path, "size"), MIN_MEMORY, MAX_MEMORY)


def _gpu_count(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and _COUNT.match(value) else None


def _check_model_name(report: Report, value: object, path: str) -> None:
    name = report.text(value, path)
    if not name or name in KNOWN_MODELS:
        return
    meant = suggest(name)
    if meant or not _GPU_MODEL.match(name):
        report.error(
            path,
            "gpu-model",
            f"{shown(name)} is not a GPU's name on Akash, so that no provider matches it.",
            f"Write {meant}." if meant else "Write the model's short name, such as rtx4090.",
        )
    else:
        report.warning(
            path,
            "gpu-model-unknown",
            f"{shown(name)} is not among the GPUs that we know of on Akash.",
            "Check the name on https://akash.network/pricing/gpus/.",
        )


def _check_gpu_model(report: Report, value: object, path: str) -> None:
    gpu = report.mapping(value, path)
    report.known_keys(gpu, path, ("model", "ram", "interface"))
    if "model" in gpu:
        _check_model_name(report, gpu["model"], join(path, "model"))
    elif gpu:
        report.error(
            path,
            "gpu-needs-model",
            "ram and interface say more of a model, and need one.",
            "Add model, such as model: a100.",
        )
    if "ram" in gpu and not _RAM_LABEL.match(str(gpu["ram"])):
        meant = sizes.suggestion(str(gpu["ram"]))
        report.error(
            join(path, "ram"),
            "gpu-ram",
            f"{shown(gpu['ram'])} is no memory label: it has to be the exact label, in Gi.",
            f"Write {meant}." if meant else "Write a label such as 80Gi.",
        )
    if "interface" in gpu and gpu["interface"] not in INTERFACES:
        report.error(
            join(path, "interface"),
            "gpu-interface",
            f"{shown(gpu['interface'])} is no interface here.",
            "Write pcie or sxm, without a number.",
        )


def _check_gpu_attributes(report: Report, value: object, path: str) -> None:
    attributes = report.mapping(value, path)
    report.known_keys(attributes, path, ("vendor",))
    report.required(attributes, path, "vendor")
    if "vendor" not in attributes:
        return
    vendor_path = join(path, "vendor")
    vendor = report.mapping(attributes["vendor"], vendor_path)
    for key in vendor:
        if key != "nvidia":
            report.error(
                join(vendor_path, key),
                "gpu-vendor",
                f"{shown(key)} is no vendor that an SDL can name.",
                "Write nvidia.",
            )
    report.required(vendor, vendor_path, "nvidia")
    models = vendor.get("nvidia")
    if models is None:
        return
    for item, item_path in report.members(models, join(vendor_path, "nvidia")):
        _check_gpu_model(report, item, item_path)


def _check_gpu(report: Report, value: object, path: str) -> None:
    gpu = report.mapping(value, path)
    report.known_keys(gpu, path, ("units", "attributes"))
    units = _gpu_count(gpu.get("units", 0))
    if units is None or not 0 <= units <= MAX_GPU:
        report.error(
            join(path, "units"),
            "gpu-limit",
            f"{shown(gpu.get('units'))} is no number of GPUs from 0 to {MAX_GPU}.",
            "Write 1, 2, 4 or 8.",
        )
    elif units and "attributes" not in gpu:
        report.error(
            path,
            "gpu-attributes",
            "GPUs are asked for without a vendor.",
            "Add attributes: {vendor: {nvidia: [{model: …}]}}.",
        )
    elif not units and "attributes" in gpu:
        report.error(
            path,
            "gpu-units",
            "attributes are given for no GPU.",
            "Write units: 1, or remove the gpu section.",
        )
    if "attributes" in gpu:
        _check_gpu_attributes(report, gpu["attributes"], join(path, "attributes"))


def check_compute(report: Report, value: object, path: str) -> None:
    """One compute profile."""
    profile = report.mapping(value, path)
    report.known_keys(profile, path, ("resources",))
    report.required(profile, path, "resources")
    if "resources" not in profile:
        return
    path = join(path, "resources")
    resources = report.mapping(profile["resources"], path)
    report.known_keys(resources, path, ("cpu", "memory", "gpu", "storage"))
    report.required(resources, path, "cpu", "memory", "storage")
    checks = {"cpu": _check_cpu, "memory": _check_memory, "gpu": _check_gpu}
    for key, check in checks.items():
        if key in resources:
            check(report, resources[key], join(path, key))
    if "storage" in resources:
        check_storage(report, resources["storage"], join(path, "storage"), check_size)
