"""Every setting of the runtime: its name, its reader, its default and its meaning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from inference import setting_types as types


@dataclass(frozen=True)
class Setting:
    """One setting: its environment name, reader, default as text, and meaning.

    ``field`` is its name in :class:`Settings`. ``many`` values may be repeated
    as flags. ``switch`` marks a flag that needs no value.
    """

    name: str
    parse: Callable[[str], Any]
    default: str
    meaning: str
    field: str = ""
    secret: bool = False
    many: bool = False
    switch: bool = False

    @property
    def flag(self) -> str:
        return "--" + self.name.lower().replace("_", "-")

    @property
    def key(self) -> str:
        return self.field or self.name.lower()


TABLE: tuple[Setting, ...] = (
    Setting(
        "MODEL",
        types.models,
        "",
        "The model: `hf.co/user/repo:Q4_K_M`, `hf.co/user/repo@revision/file.gguf`, "
        "`llama3.1:8b`, `namespace/model:tag`, or a path. Several are separated by commas; "
        "the first is the default.",
        field="models",
        many=True,
    ),
    Setting(
        "MODEL_ALIASES",
        types.aliases,
        "",
        "Other names that callers may use: `gpt-4o=llama3.1:8b`. A name alone stands for the "
        "default model, `*` for every name that is none of these.",
        field="aliases",
        many=True,
    ),
    Setting(
        "PROJECTOR",
        types.projector,
        "auto",
        "The default model's vision projector: `auto` takes the one that the repository has, "
        "`none` leaves it out; or an exact file.",
    ),
    Setting(
        "API_KEY",
        types.key_hashes,
        "",
        "Keys that callers must send as a bearer token, separated by commas.",
        secret=True,
        many=True,
    ),
    Setting(
        "API_KEY_SHA256",
        types.digests,
        "",
        "The SHA-256 of such keys in hexadecimal: the server then never sees a key at rest.",
        secret=True,
        many=True,
    ),
    Setting(
        "INSECURE",
        types.boolean,
        "0",
        "Listen beyond this machine without a key. Everyone who finds the port can use it.",
        switch=True,
    ),
    Setting(
        "HOST",
        types.host,
        "127.0.0.1",
        "The address to listen on. `0.0.0.0`: every one of IPv4; `::`: of both kinds.",
    ),
    Setting("PORT", types.whole(1, 65535), "8080", "The port to listen on."),
    Setting(
        "CORS_ORIGINS",
        types.origins,
        "",
        "Web origins whose pages may call the API, separated by commas; `*` for any, `none`. "
        "Empty: any where a key is needed, since a page without it gets nothing; else none.",
        many=True,
    ),
    Setting(
        "CONTEXT_LENGTH",
        types.auto_or(types.tokens(256, 16 << 20)),
        "auto",
        "Tokens that one request can hold, question and answer together. `auto`: what the "
        "model was trained for, or what the memory allows.",
    ),
    Setting(
        "SLOTS",
        types.auto_or(types.whole(1, 256)),
        "auto",
        "Requests that are answered at the same time. `auto`: what the memory allows, up to 16.",
    ),
    Setting(
        "KV_CACHE_TYPE",
        types.one_of("f16", "q8_0", "q4_0"),
        "f16",
        "Precision of the KV cache: `f16`, `q8_0` (half the memory) or `q4_0` (a quarter).",
    ),
    Setting("BATCH", types.whole(32, 65536), "2048", "Tokens of a prompt in one logical batch."),
    Setting("UBATCH", types.whole(32, 65536), "512", "Tokens computed at once; at most BATCH."),
    Setting(
        "GPU_LAYERS",
        types.auto_or(types.whole(0, 10000)),
        "auto",
        "Layers on the GPU. `auto`: all that fit; `0`: none.",
    ),
    Setting(
        "CPU_MOE",
        types.boolean,
        "0",
        "Leave the experts of a mixture in the machine's memory and the rest on the GPU: a far "
        "smaller card holds the model, and answers are slower.",
        switch=True,
    ),
    Setting("THREADS", types.auto_or(types.whole(1, 1024)), "auto", "CPU threads."),
    Setting(
        "EMBEDDINGS",
        types.one_of("auto", "on", "off"),
        "auto",
        "Serve embeddings, as every model can. `auto` is `on`; `off` spares 300 to 500 MiB where "
        "the vocabulary is large, as only a step's last token is given its logits then.",
    ),
    Setting(
        "SPECULATIVE",
        types.one_of("off", "ngram", "mtp"),
        "off",
        "Speculative decoding: `ngram` drafts from text that has been there before, for programs "
        "that edit or quote it, `mtp` with the model's own next-token layers. Log-probabilities "
        "are then told of answers of one or two tokens only.",
    ),
    Setting(
        "KEEP_ALIVE",
        types.duration,
        "-1",
        "How long a model stays loaded after its last request, such as `5m`; `-1`: for good.",
    ),
    Setting(
        "MEMORY_BUDGET",
        types.auto_or(types.size(16 << 20, 1 << 50)),
        "auto",
        "Memory that loaded models may take together, such as `40G`; the least recently used "
        "one is unloaded to keep to it. `auto`: what the GPUs, or the machine, have.",
    ),
    Setting(
        "ENGINE_BINARY",
        types.executable,
        "",
        "The path of a `llama-server` to run. Empty: the `xllamacpp` package.",
    ),
    Setting(
        "MODELS_DIR",
        types.folder,
        "~/.cache/oneclickllm",
        "Where downloaded models are kept.",
    ),
    Setting(
        "HF_TOKEN",
        types.token,
        "",
        "A read token for gated or private repositories. It is sent to Hugging Face only.",
        secret=True,
    ),
    Setting("HUGGING_FACE_URL", types.url, "https://huggingface.co", "The Hub, or a mirror of it."),
    Setting(
        "OLLAMA_REGISTRY_URL",
        types.url,
        "https://registry.ollama.ai",
        "The Ollama registry, or any OCI registry that holds models in its form.",
    ),
    Setting(
        "DOWNLOAD_CONNECTIONS",
        types.whole(1, 32),
        "8",
        "Parts of a file that are downloaded at the same time, at most.",
    ),
    Setting(
        "ALLOW_PULL",
        types.boolean,
        "0",
        "Let callers with a key download and delete models (`/api/pull`, `/api/delete`).",
        switch=True,
    ),
    Setting(
        "LISTEN_WHEN_READY",
        types.boolean,
        "0",
        "Open the port only once the model is loaded: for several replicas behind an ingress "
        "that asks no readiness.",
        switch=True,
    ),
    Setting(
        "MAX_BODY_BYTES",
        types.size(1 << 10, 1 << 30),
        "32M",
        "The largest request, in bytes.",
    ),
    Setting(
        "MAX_QUEUE",
        types.whole(0, 10000),
        "64",
        "Requests that may wait for a slot; further ones are told to come back (503).",
    ),
    Setting(
        "REQUEST_TIMEOUT",
        types.seconds(1, 86400),
        "30m",
        "The longest time that one request may take, waiting included.",
    ),
    Setting(
        "LOAD_TIMEOUT",
        types.seconds(0, 86400),
        "0",
        "The longest time that llama.cpp may take to load a model, such as `20m`. Then it is "
        "ended, and the next request tries anew. `0`: as long as it takes.",
    ),
    Setting(
        "HEARTBEAT",
        types.seconds(0, 3600),
        "15",
        "Seconds of silence after which an unfinished answer sends a sign of life, so that no "
        "proxy on the way cuts it; `0`: never.",
    ),
    Setting(
        "GRACE_TIME",
        types.seconds(0, 3600),
        "25",
        "Seconds that running answers have to finish when the server is asked to stop.",
    ),
    Setting(
        "LOG_LEVEL",
        types.one_of("DEBUG", "INFO", "WARNING", "ERROR"),
        "INFO",
        "How much is logged; prompts and answers never are.",
    ),
)
