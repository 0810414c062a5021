"""A Hub repository's files as the API lists them, and why none may be servable."""

from __future__ import annotations

import re
from collections.abc import Sequence

from huggingface_hub.hf_api import ModelInfo, RepoSibling

from wizard.registry.values import ModelFile

MAX_FILES = 20_000
MAX_PATH = 400
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_PICKLE = (".bin", ".pt", ".pth", ".ckpt")
_AUDIO = {"text-to-speech", "automatic-speech-recognition", "text-to-audio", "audio-to-audio"}
_PICTURES = {"text-to-image", "image-to-image", "text-to-video", "image-to-video", "text-to-3d"}


def of(info: ModelInfo) -> tuple[ModelFile, ...]:
    """The files with their bytes and SHA-256; a name that no file can have is left out."""
    siblings = info.siblings or []
    return tuple(_file(sibling) for sibling in siblings[:MAX_FILES] if _is_sane(sibling.rfilename))


def next_step(info: ModelInfo, files: Sequence[ModelFile]) -> str:
    """What helps where no conversion can; empty where one could."""
    if any(file.path.lower() == "adapter_config.json" for file in files):
        return "Take its base model, which the adapter's own page names."
    if _is_diffusion(info) or info.pipeline_tag in _PICTURES | _AUDIO:
        return "Search for a model that writes text, or one for embeddings."
    return ""


def why_nothing(info: ModelInfo, files: Sequence[ModelFile]) -> str:
    """One sentence on why no engine loads any of these files."""
    names = [file.path.lower() for file in files]
    reasons = (
        (is_mlx(info), "is quantised for Apple's MLX, which does not run on Akash's GPUs"),
        (
            "adapter_config.json" in names,
            "is an adapter (LoRA): it needs its base model and is none by itself",
        ),
        (
            _is_diffusion(info) or info.pipeline_tag in _PICTURES,
            "makes pictures or video; the engines here serve language models",
        ),
        (
            info.pipeline_tag in _AUDIO,
            "is a speech or audio model; the engines here serve language models",
        ),
        (
            _any_ends(names, (".safetensors",)),
            "has safetensors, but not in a layout that vLLM loads",
        ),
        (
            _any_ends(names, _PICKLE),
            "has only pickled weights, which can run code when they are loaded",
        ),
        (_any_ends(names, (".onnx",)), "has only ONNX weights, which no engine here loads"),
        (True, "has neither GGUF nor safetensors weights"),
    )
    return f"{info.id} {next(reason for applies, reason in reasons if applies)}."


def _is_diffusion(info: ModelInfo) -> bool:
    return info.library_name == "diffusers" or "diffusers" in (info.tags or ())


def _any_ends(names: Sequence[str], endings: tuple[str, ...]) -> bool:
    return any(name.endswith(endings) for name in names)


def is_mlx(info: ModelInfo) -> bool:
    """Whether the weights are in MLX's own quantised layout."""
    return info.library_name == "mlx" or "mlx" in (info.tags or ())


def _is_sane(path: object) -> bool:
    if not isinstance(path, str) or not path.isprintable() or len(path) > MAX_PATH:
        return False
    return not any(part in ("", ".", "..") for part in path.split("/"))


def _file(sibling: RepoSibling) -> ModelFile:
    lfs = sibling.lfs
    size = lfs.size if lfs and isinstance(lfs.size, int) else sibling.size
    sha256 = lfs.sha256 if lfs and isinstance(lfs.sha256, str) else ""
    return ModelFile(
        sibling.rfilename,
        size if isinstance(size, int) and size > 0 else 0,
        sha256 if _SHA256.match(sha256) else "",
    )
