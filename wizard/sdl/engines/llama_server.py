"""llama.cpp's own server, from the project's images.

Arguments: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
Their entry point is ``/app/llama-server``.
"""

from __future__ import annotations

from urllib.parse import quote

from wizard.registry.values import Source
from wizard.sdl.engines import common
from wizard.sdl.engines.values import MAIN_SERVICE, WEIGHTS_PATH, Service
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Plan, Secrets

SPEAKS_OLLAMA = False
PORT = 8080
HUB = "https://huggingface.co"
# Tokens that llama-server computes at once by default, and of a text to embed at most.
STEP, LONGEST_EMBEDDED = 512, 8192


def served_name(plan: Plan) -> str:
    """The alias that the server lists; it answers to any name."""
    names = common.aliases(plan)
    return names[0] if names else common.hub_name(plan.ref)


def _link(plan: Plan, path: str) -> str:
    return f"{HUB}/{common.hub_name(plan.ref)}/resolve/{common.revision(plan)}/{quote(path)}"


def _model_args(plan: Plan) -> list[str]:
    """A link pins the commit, which ``--hf-repo`` cannot; both take split files."""
    file = common.pinned_hub_file(plan) and common.weights_file(plan)
    if not common.revision(plan):
        return ["--hf-repo", common.hub_name(plan.ref), "--hf-file", file]
    args = ["--model-url", _link(plan, file)]
    if plan.variant.projector:
        args += ["--mmproj-url", _link(plan, plan.variant.projector.path)]
    return args


def _embedding(plan: Plan) -> tuple[str, ...]:
    """What an embedding model needs: most read a text in one step or not at all, and the
    slots share a step without a rest, since llama.cpp aborts otherwise
    (``server_slot::can_split``, ``llama_context::graph_reserve``)."""
    architecture = plan.architecture
    if not architecture.embeds:
        return ()
    whole = min(plan.context, LONGEST_EMBEDDED) + plan.slots - 1
    tokens = max(STEP, plan.slots) if architecture.pools_at_end else whole
    step = str(tokens // plan.slots * plan.slots)
    purpose = "--reranking" if common.reranks(plan) else "--embeddings"
    return (purpose, "--batch-size", step, "--ubatch-size", step)


def _args(plan: Plan) -> tuple[str, ...]:
    kv = common.llama_cache_type(plan.kv)
    return (
        *_model_args(plan),
        *("--alias", ",".join(common.aliases(plan) or (served_name(plan),))),
        *("--host", "0.0.0.0"),  # noqa: S104 - in the container, behind the key
        *("--port", str(PORT)),
        *("--ctx-size", str(plan.context * plan.slots)),
        *("--parallel", str(plan.slots)),
        *("--n-gpu-layers", "all" if plan.chosen else "0"),
        *(("--cpu-moe",) if plan.cpu_moe else ()),
        *("--cache-type-k", kv, "--cache-type-v", kv),
        *("--flash-attn", "on" if plan.chosen else "auto"),
        *("--jinja", "--metrics"),
        *_embedding(plan),
    )


def services(plan: Plan, secrets: Secrets) -> tuple[Service, ...]:
    """One container. Raises SdlError for a model of the Ollama registry."""
    common.single_node(plan, "llama-server")
    if plan.ref.source is not Source.HUGGING_FACE:
        raise SdlError(
            "llama-server downloads from Hugging Face only: choose the runtime or Ollama.",
            field="engine",
        )
    own = (
        ("LLAMA_API_KEY", common.api_key(secrets)),
        ("LLAMA_CACHE", WEIGHTS_PATH),
        *common.hf_token(plan),
    )
    return (
        Service(
            name=MAIN_SERVICE,
            image=plan.image.reference,
            note="llama.cpp's server: downloads the model and answers the OpenAI API.",
            resources=plan.resources,
            port=PORT,
            public=True,
            args=_args(plan),
            env=common.extra_env(plan, own),
            gpus=plan.count if plan.chosen else 0,
            count=plan.replicas,
        ),
    )
