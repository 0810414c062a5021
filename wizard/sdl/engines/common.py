"""What the engines share: the checks of what came from a person or a registry."""

from __future__ import annotations

import re
from dataclasses import replace

from inference import refs
from wizard.registry.values import ModelRef
from wizard.sdl.engines import vllm_ranking
from wizard.sdl.errors import SdlError
from wizard.sdl.values import (
    API_KEY_PLACEHOLDER,
    API_KEY_SHA256_PLACEHOLDER,
    HF_TOKEN_PLACEHOLDER,
    Plan,
    Secrets,
)
from wizard.sizing.values import KvType

MAX_ENV_VALUE = 4096
MAX_EXTRA_ENV = 50
MAX_ALIASES = 16
# A script of several lines stands in the variable START: the form of Akash Console
# takes each line of a command for a word of its own (``rules.console_form``).
RUN_START = ("sh", "-c", 'eval "$START"')

_API_KEY = re.compile(r"[A-Za-z0-9._~+/=-]{16,256}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_REVISION = re.compile(r"[0-9a-f]{40}\Z")
_ALIAS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}\Z")
# https://kubernetes.io/docs/reference/kubernetes-api: IsEnvVarName
_ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]{0,127}\Z")
_SPLIT_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf\Z")


def api_key(secrets: Secrets) -> str:
    """The key itself, or the placeholder that the page's script replaces."""
    key = secrets.api_key or API_KEY_PLACEHOLDER
    if not _API_KEY.match(key):
        raise SdlError(
            "An API key has 16 to 256 letters, digits or . _ ~ + / = -: let the page make one.",
            field="api_key",
        )
    return key


def api_key_sha256(secrets: Secrets) -> str:
    """The key's SHA-256 in hex, or its placeholder."""
    digest = secrets.api_key_sha256.lower()
    if not digest:
        return API_KEY_SHA256_PLACEHOLDER
    if not _SHA256.match(digest):
        raise SdlError(
            "api_key_sha256 is 64 hex digits: the SHA-256 of the key.", field="api_key_sha256"
        )
    return digest


def hf_token(plan: Plan) -> tuple[tuple[str, str], ...]:
    """``HF_TOKEN`` with its placeholder, for a gated model only."""
    if not plan.model.is_gated:
        return ()
    return (("HF_TOKEN", HF_TOKEN_PLACEHOLDER),)


def revision(plan: Plan) -> str:
    """The commit that the files are pinned to, or empty where it is unknown."""
    wanted = plan.ref.revision or plan.model.revision
    return wanted if _REVISION.match(wanted) else ""


def weights_file(plan: Plan) -> str:
    """The path in the repository of the GGUF file, or of the first of a split one."""
    paths = sorted(file.path for file in plan.variant.files if file.path.endswith(".gguf"))
    if not paths:
        raise SdlError(f"{plan.variant.name} has no GGUF file to serve.", field="variant")
    if len(paths) > 1 and not all(_SPLIT_PART.search(path) for path in paths):
        raise SdlError(
            f"{plan.variant.name} has several files that are not parts of one: choose one file.",
            field="variant",
        )
    return paths[0]


def hub_name(ref: ModelRef) -> str:
    """``user/repo``, checked by the grammar that the runtime reads."""
    return _checked(refs.HuggingFaceRef(ref.namespace, ref.name)).removeprefix("hf.co/")


def pinned_hub_file(plan: Plan) -> str:
    """``hf.co/user/repo@commit/file.gguf``: exactly these bytes, for ever."""
    file, commit = weights_file(plan), revision(plan)
    return _checked(
        refs.HuggingFaceRef(plan.ref.namespace, plan.ref.name, file=file, revision=commit)
    )


def short_hub_name(plan: Plan) -> str:
    """``hf.co/user/repo:Q4_K_M``, as a client or ``ollama pull`` would write it."""
    return _checked(
        refs.HuggingFaceRef(plan.ref.namespace, plan.ref.name, quantisation=plan.variant.name)
    )


def ollama_name(plan: Plan) -> str:
    """``[namespace/]model:tag`` in the Ollama registry; the variant is the tag."""
    return _checked(_ollama_ref(plan))


def pinned_ollama_name(plan: Plan) -> str:
    """The name with its manifest's SHA-256, where the registry told it: a tag may move."""
    digest = plan.variant.digest
    is_whole = bool(_SHA256.match(digest))
    return _checked(replace(_ollama_ref(plan), digest=digest if is_whole else ""))


def _ollama_ref(plan: Plan) -> refs.OllamaRef:
    tag = plan.variant.name or plan.ref.tag or refs.LATEST
    return refs.OllamaRef(plan.ref.name, plan.ref.namespace, tag)


def _checked(meant: refs.Ref) -> str:
    """The name as written, where the grammar reads back just what was meant."""
    name = str(meant)
    try:
        parsed = refs.parse(name)
    except refs.RefError as error:
        raise SdlError(f"The model's name cannot go into a file: {error}", field="model") from error
    if parsed != meant:
        raise SdlError(f"The model's name {name!r} can be read in two ways.", field="model")
    return name


def reranks(plan: Plan) -> bool:
    """Whether it tells how well texts answer a question, and not what they mean."""
    is_ranker = vllm_ranking.ranker(plan) is not None
    return is_ranker or (plan.architecture.embeds and plan.ref.reranks)


def llama_cache_type(kv: KvType) -> str:
    """The KV cache's type as llama.cpp names it."""
    if kv is KvType.FP8:
        raise SdlError("fp8 is vLLM's KV cache type: choose f16, q8_0 or q4_0.", field="kv")
    return kv.value


def aliases(plan: Plan) -> tuple[str, ...]:
    """Further names that the endpoint answers to."""
    if len(plan.aliases) > MAX_ALIASES:
        raise SdlError(f"At most {MAX_ALIASES} aliases fit.", field="aliases")
    for alias in plan.aliases:
        if not _ALIAS.match(alias):
            raise SdlError(
                f"{alias!r} is no alias: use letters, digits, “.”, “_”, “-”, “:” and “/”.",
                field="aliases",
            )
    return plan.aliases


def single_node(plan: Plan, title: str) -> None:
    """Raise SdlError where a plan for several nodes meets an engine for one."""
    if plan.nodes > 1:
        raise SdlError(f"{title} runs on one node: choose vLLM for several.", field="nodes")


def extra_env(plan: Plan, own: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """A person's own variables, checked, after the engine's own.

    A name that the engine sets itself is refused: which of the two would win
    is not a thing to guess.
    """
    taken = {name for name, _ in own}
    if len(plan.extra_env) > MAX_EXTRA_ENV:
        raise SdlError(f"At most {MAX_EXTRA_ENV} extra variables fit.", field="extra_env")
    for name, value in plan.extra_env:
        _check_variable(name, value)
        if name in taken:
            raise SdlError(f"{name} is set already: choose another variable.", field="extra_env")
        taken.add(name)
    return own + plan.extra_env


def _check_variable(name: str, value: str) -> None:
    if not _ENV_NAME.match(name) or name in (".", "..") or name.startswith(".."):
        raise SdlError(
            f"{name!r} is no variable's name: use letters, digits, “_”, “.” and “-”.",
            field="extra_env",
        )
    if len(value) > MAX_ENV_VALUE:
        raise SdlError(
            f"{name} is longer than {MAX_ENV_VALUE} characters: shorten it.", field="extra_env"
        )
    if not value.isprintable():
        raise SdlError(
            f"{name} has a control or invisible character: type it anew.", field="extra_env"
        )
