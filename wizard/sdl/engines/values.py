"""What an engine tells about itself: its services, in no file format yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from wizard.sdl.values import Plan, Resources, Secrets

WEIGHTS_PATH = "/models"
SHARED_MEMORY_PATH = "/dev/shm"  # noqa: S108 - the mount point itself, not a file in it

# Never an engine's own name. Kubernetes gives every container the variables
# <SERVICE>_PORT and <SERVICE>_HOST of its neighbours, and vLLM refuses to start
# on VLLM_PORT=tcp://… (https://github.com/vllm-project/vllm/issues/8606).
MAIN_SERVICE = "llm"


class Text(str):
    """A fixed text of several lines, which a file may write as a block.

    It holds nothing that came from a person.
    """

    __slots__ = ()


@dataclass(frozen=True)
class Service:
    """One container of a plan.

    ``port`` is the container's own; ``public`` puts it at the deployment's
    TLS hostname. ``internal`` maps further ports to the services that may
    reach them by this service's name. ``gpus`` is cards per replica;
    ``resources`` are for one replica, with ``volume`` 0 for no weights' volume.
    ``note`` says in words what the container is for.
    """

    name: str
    image: str
    note: str
    resources: Resources
    port: int = 0
    public: bool = False
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    internal: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    gpus: int = 0
    count: int = 1
    runs_model: bool = True


class EngineModule(Protocol):
    """The interface that each module of this package has."""

    @property
    def SPEAKS_OLLAMA(self) -> bool:  # noqa: N802 - modules name their constants so
        """Whether the endpoint answers Ollama's API beside OpenAI's."""

    def services(self, plan: Plan, secrets: Secrets) -> tuple[Service, ...]:
        """The containers that run this plan. Raises SdlError."""

    def served_name(self, plan: Plan) -> str:
        """The model's name in a request."""
