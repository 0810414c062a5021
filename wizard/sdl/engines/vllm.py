"""vLLM, on one node or on several.

Arguments: https://docs.vllm.ai/en/stable/cli/serve.html. The image's entry
point is ``vllm serve``, so that the first argument is the model.

Several nodes run pipeline parallel, each with its cards tensor parallel, by
vLLM's own ``--nnodes`` (https://docs.vllm.ai/en/stable/serving/parallelism_scaling/).
Not by Ray: the image has none since 0.19
(https://github.com/vllm-project/vllm/issues/33445).
"""

from __future__ import annotations

from dataclasses import replace

from wizard.registry.values import Format, Source
from wizard.sdl.engines import common, gateway
from wizard.sdl.engines.values import MAIN_SERVICE, WEIGHTS_PATH, Service, Text
from wizard.sdl.errors import SdlError
from wizard.sdl.values import Plan, Secrets
from wizard.sizing.values import KvType

SPEAKS_OLLAMA = False
PORT = 8000
# Loading adapters, sleeping and profiling are an operator's, not a caller's.
CLOSED = ("/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/sleep", "/wake_up", "/invocations")
MEETING_PORT = 29501
NODE_PROFILE = "node"
BF16_CAPABILITY = (8, 0)

# `"$@"` are the service's args: no name is ever part of the script. A node must
# tell the others an address of its own; the head's is also where they meet.
HEAD_SCRIPT = Text(
    "set -eu\n"
    'address="$(hostname -i | cut -d " " -f 1)"\n'
    'export VLLM_HOST_IP="$address"\n'
    'exec vllm serve "$@" --master-addr "$address"\n'
)
WORKER_SCRIPT = Text(
    "set -eu\n"
    'export VLLM_HOST_IP="$(hostname -i | cut -d " " -f 1)"\n'
    'until head="$(getent hosts "$HEAD_SERVICE" | cut -d " " -f 1)" && [ -n "$head" ]; do\n'
    '  echo "waiting for the head node"\n'
    "  sleep 5\n"
    "done\n"
    'exec vllm serve "$@" --headless --master-addr "$head"\n'
)


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
    if plan.kv is KvType.FP8:
        return [*args, "--kv-cache-dtype", "fp8"]
    if plan.kv is KvType.F16:
        return args
    raise SdlError(f"vLLM has no {plan.kv} KV cache: choose f16 or fp8.", field="kv")


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
        *(("--trust-remote-code",) if plan.architecture.custom_code else ()),
    )


def _node_args(plan: Plan, rank: int) -> tuple[str, ...]:
    return (
        *_args(plan),
        *("--pipeline-parallel-size", str(plan.nodes)),
        *("--nnodes", str(plan.nodes)),
        *("--node-rank", str(rank)),
        *("--master-port", str(MEETING_PORT)),
    )


def _env(plan: Plan, secrets: Secrets) -> tuple[tuple[str, str], ...]:
    own = (
        ("VLLM_API_KEY", common.api_key(secrets)),
        ("HF_HOME", f"{WEIGHTS_PATH}/huggingface"),
        ("VLLM_CACHE_ROOT", f"{WEIGHTS_PATH}/vllm"),
        ("VLLM_NO_USAGE_STATS", "1"),
        *common.hf_token(plan),
    )
    return common.extra_env(plan, own)


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
        profile=MAIN_SERVICE,
        image=plan.image.reference,
        note="vLLM: downloads the model and runs it, reachable by the gateway only.",
        resources=plan.resources,
        internal={PORT: (gateway.NAME,)},
        args=_args(plan),
        env=_env(plan, secrets),
        gpus=plan.count,
        count=plan.replicas,
    )


def _node(plan: Plan, secrets: Secrets, rank: int) -> Service:
    """One node; each has a service of its own, because each has its own rank."""
    head = rank == 0
    workers = tuple(f"worker-{other}" for other in range(1, plan.nodes))
    return replace(
        _single(plan, secrets),
        name=MAIN_SERVICE if head else f"worker-{rank}",
        profile=NODE_PROFILE,
        note=(
            "vLLM's head node: answers the gateway and holds the first layers."
            if head
            else f"vLLM's node {rank + 1} of {plan.nodes}: holds its share of the layers."
        ),
        internal={PORT: (gateway.NAME,), MEETING_PORT: workers} if head else {},
        command=("sh", "-c", HEAD_SCRIPT if head else WORKER_SCRIPT, "vllm"),
        args=_node_args(plan, rank),
        env=_env(plan, secrets) if head else (*_env(plan, secrets), ("HEAD_SERVICE", MAIN_SERVICE)),
        count=1,
    )


def services(plan: Plan, secrets: Secrets) -> tuple[Service, ...]:
    """The gateway and one container, or a head and a worker for each further node."""
    _check(plan)
    door = gateway.service(secrets, PORT, CLOSED)
    if plan.nodes == 1:
        return (door, _single(plan, secrets))
    return (door, *(_node(plan, secrets, rank) for rank in range(plan.nodes)))
