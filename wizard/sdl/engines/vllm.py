"""vLLM, on one node or on several.

Arguments: https://docs.vllm.ai/en/stable/cli/serve.html. The image's entry
point is ``vllm serve``, so that the first argument is the model.

Several nodes run pipeline parallel, each with its cards tensor parallel, as one
Ray cluster (``ray_cluster``).
"""

from __future__ import annotations

from dataclasses import replace

from wizard.registry.values import Format, Source
from wizard.sdl.engines import common, gateway, ray_cluster, vllm_ranking
from wizard.sdl.engines.values import MAIN_SERVICE, WEIGHTS_PATH, Service
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Plan, Secrets
from wizard.sizing.values import KvType

SPEAKS_OLLAMA = False
PORT = 8000
# Loading adapters, sleeping and profiling are an operator's, not a caller's.
CLOSED = ("/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/sleep", "/wake_up", "/invocations")
WORKER_SERVICE = "worker"
BF16_CAPABILITY = (8, 0)
# What vLLM 0.33 loads only when told that it may (``DEPRECATED_QUANTIZATION_METHODS``).
_DEPRECATED = ("fbgemm_fp8", "fp_quant")


def served_name(plan: Plan) -> str:
    """The first of ``--served-model-name``."""
    names = common.aliases(plan)
    return names[0] if names else common.hub_name(plan.ref)


def _served_names(plan: Plan) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*common.aliases(plan), common.hub_name(plan.ref))))


def lacks_bf16(plan: Plan) -> bool:
    """Whether one of the cards asked for is older than Ampere."""
    return any(
        offer.gpu is not None and offer.gpu.compute_capability < BF16_CAPABILITY
        for offer in plan.chosen
    )


def _precision_args(plan: Plan) -> list[str]:
    args = ["--dtype", "half"] if lacks_bf16(plan) else []
    if plan.architecture.quant_method in _DEPRECATED:
        args.append("--allow-deprecated-quantization")
    if plan.kv is KvType.FP8:
        return [*args, "--kv-cache-dtype", "fp8"]
    if plan.kv is KvType.F16:
        return args
    raise SdlError(f"vLLM has no {plan.kv} KV cache: choose f16 or fp8.", field="kv")


def _ranking_args(plan: Plan) -> tuple[str, ...]:
    found = vllm_ranking.ranker(plan)
    return found.arguments if found else ()


def _args(plan: Plan) -> tuple[str, ...]:
    commit = common.revision(plan)
    return (
        common.hub_name(plan.ref),
        *(("--revision", commit, "--tokenizer-revision", commit) if commit else ()),
        *("--served-model-name", *_served_names(plan)),
        *("--host", "0.0.0.0"),  # noqa: S104 - in the container, behind the key
        *("--port", str(PORT)),
        *("--max-model-len", str(plan.context)),
        *("--max-num-seqs", str(plan.slots)),
        *("--tensor-parallel-size", str(plan.count)),
        *_precision_args(plan),
        *_ranking_args(plan),
        *(("--trust-remote-code",) if plan.architecture.custom_code else ()),
    )


def _cluster_args(plan: Plan) -> tuple[str, ...]:
    return (
        *_args(plan),
        *("--pipeline-parallel-size", str(plan.nodes)),
        *("--distributed-executor-backend", "ray"),
    )


def _serving_env(plan: Plan, secrets: Secrets) -> tuple[tuple[str, str], ...]:
    return (("VLLM_API_KEY", common.api_key(secrets)), *_shared_env(plan))


def _shared_env(plan: Plan) -> tuple[tuple[str, str], ...]:
    return (
        ("HF_HOME", f"{WEIGHTS_PATH}/huggingface"),
        ("VLLM_CACHE_ROOT", f"{WEIGHTS_PATH}/vllm"),
        ("VLLM_NO_USAGE_STATS", "1"),
        *common.hf_token(plan),
    )


def _check(plan: Plan) -> None:
    if plan.ref.source is not Source.HUGGING_FACE or plan.variant.format is not Format.SAFETENSORS:
        raise SdlError(
            "vLLM serves safetensors from Hugging Face: choose the runtime for GGUF.",
            field="engine",
        )
    if not plan.chosen:
        raise SdlError("vLLM's image needs a GPU: choose one, or the runtime.", field="cpu_only")
    if plan.nodes > 1 and plan.replicas > 1:
        raise SdlError(
            "A model over several nodes runs once: set replicas to 1, and deploy the file again "
            "for a second copy.",
            field="replicas",
        )


def _single(plan: Plan, secrets: Secrets) -> Service:
    return Service(
        name=MAIN_SERVICE,
        image=plan.image.reference,
        note="vLLM: downloads the model and runs it, reachable by the gateway only.",
        resources=plan.resources,
        internal={PORT: (gateway.NAME,)},
        args=_args(plan),
        env=common.extra_env(plan, _serving_env(plan, secrets)),
        gpus=plan.count,
        count=plan.replicas,
    )


def _node_env(plan: Plan) -> tuple[tuple[str, str], ...]:
    # The executor behind `ray` that needs no more of Ray than its core.
    return (("NODE_GPUS", str(plan.count)), ("VLLM_USE_RAY_V2_EXECUTOR_BACKEND", "1"))


def _head(plan: Plan, secrets: Secrets) -> Service:
    own = (
        *_serving_env(plan, secrets),
        ("NODES", str(plan.nodes)),
        *_node_env(plan),
        ("START", ray_cluster.HEAD_SCRIPT),
    )
    return replace(
        _single(plan, secrets),
        note="vLLM's head node: starts Ray, answers the gateway and holds the first layers.",
        internal={PORT: (gateway.NAME,), ray_cluster.PORT: (WORKER_SERVICE,)},
        command=(*common.RUN_START, "vllm"),
        args=_cluster_args(plan),
        env=common.extra_env(plan, own),
    )


def _workers(plan: Plan, secrets: Secrets) -> Service:
    own = (
        *_shared_env(plan),
        ("HEAD_SERVICE", MAIN_SERVICE),
        *_node_env(plan),
        ("START", ray_cluster.WORKER_SCRIPT),
    )
    return replace(
        _single(plan, secrets),
        name=WORKER_SERVICE,
        note="vLLM's further nodes: each joins the head's Ray and holds its share of the layers.",
        internal={},
        command=(*common.RUN_START, "ray"),
        args=(),
        env=common.extra_env(plan, own),
        count=plan.nodes - 1,
    )


def services(plan: Plan, secrets: Secrets) -> tuple[Service, ...]:
    """The gateway and one container, or a head and its workers on further nodes."""
    _check(plan)
    door = gateway.service(secrets, PORT, CLOSED)
    if plan.nodes == 1:
        return (door, _single(plan, secrets))
    return (door, _head(plan, secrets), _workers(plan, secrets))
