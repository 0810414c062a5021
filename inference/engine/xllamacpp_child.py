"""llama-server's routes from the ``xllamacpp`` package, under llama-server's flags.

    python -m inference.engine.xllamacpp_child --model x.gguf --port 8081 …

Only the flags that :mod:`inference.engine.command` writes are known.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import xllamacpp

from inference.engine.command import KEY_VARIABLE

_KV_TYPES = {"f16": "GGML_TYPE_F16", "q8_0": "GGML_TYPE_Q8_0", "q4_0": "GGML_TYPE_Q4_0"}
_FLASH = {"auto": "LLAMA_FLASH_ATTN_TYPE_AUTO", "on": "LLAMA_FLASH_ATTN_TYPE_ENABLED"}
# llama.cpp's own ``--cpu-moe`` (``LLM_FFN_EXPS_REGEX`` in ``common/common.h``).
_EXPERTS = r"\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU"
_SPECULATION = {
    "ngram-mod": "COMMON_SPECULATIVE_TYPE_NGRAM_MOD",
    "draft-mtp": "COMMON_SPECULATIVE_TYPE_DRAFT_MTP",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for flag in ("model", "alias", "host", "mmproj", "pooling"):
        parser.add_argument(f"--{flag}", default="")
    for flag in ("port", "ctx-size", "parallel", "batch-size", "ubatch-size", "cache-ram"):
        parser.add_argument(f"--{flag}", type=int, required=True)
    for flag in ("n-gpu-layers", "threads", "spec-ngram-mod-n-max", "spec-ngram-mod-n-min"):
        parser.add_argument(f"--{flag}", type=int)
    for flag in ("no-kv-unified", "jinja", "no-webui", "metrics", "slots", "embeddings", "cpu-moe"):
        parser.add_argument(f"--{flag}", action="store_true")
    parser.add_argument("--cache-type-k", choices=_KV_TYPES, default="f16")
    parser.add_argument("--cache-type-v", choices=_KV_TYPES, default="f16")
    parser.add_argument("--flash-attn", choices=_FLASH, default="auto")
    parser.add_argument("--spec-type", choices=_SPECULATION)
    parser.add_argument("--lora", action="append", default=[])
    return parser


def parameters(argv: Sequence[str]) -> Any:
    """The package's CommonParams for llama-server's flags."""
    flags = _parser().parse_args(argv)
    params = xllamacpp.CommonParams()
    params.model.path = flags.model
    params.model_alias = {flags.alias}
    params.hostnames = [flags.host]
    params.port = flags.port
    params.api_keys = [os.environ[KEY_VARIABLE]] if KEY_VARIABLE in os.environ else []
    params.n_ctx, params.n_parallel = flags.ctx_size, flags.parallel
    params.n_batch, params.n_ubatch = flags.batch_size, flags.ubatch_size
    params.cache_ram_mib = flags.cache_ram
    params.kv_unified = not flags.no_kv_unified
    params.cache_type_k = getattr(xllamacpp.ggml_type, _KV_TYPES[flags.cache_type_k])
    params.cache_type_v = getattr(xllamacpp.ggml_type, _KV_TYPES[flags.cache_type_v])
    params.flash_attn_type = getattr(xllamacpp.llama_flash_attn_type, _FLASH[flags.flash_attn])
    params.use_jinja, params.ui = flags.jinja, not flags.no_webui
    params.endpoint_metrics, params.endpoint_slots = flags.metrics, flags.slots
    params.embedding = flags.embeddings
    _optional(params, flags)
    return params


def _optional(params: Any, flags: argparse.Namespace) -> None:
    if flags.mmproj:
        params.mmproj.path = flags.mmproj
    if flags.n_gpu_layers is not None:
        params.n_gpu_layers = flags.n_gpu_layers
    if flags.cpu_moe:
        params.tensor_buft_overrides = _EXPERTS
    if flags.threads is not None:
        params.cpuparams.n_threads = flags.threads
        params.cpuparams_batch.n_threads = flags.threads
    if flags.pooling:
        name = f"LLAMA_POOLING_TYPE_{flags.pooling.upper()}"
        params.pooling_type = getattr(xllamacpp.llama_pooling_type, name)
    if flags.spec_type:
        kind = getattr(xllamacpp.common_speculative_type, _SPECULATION[flags.spec_type])
        params.speculative.types = [kind]
    if flags.spec_ngram_mod_n_max is not None:
        params.speculative.ngram_mod.n_max = flags.spec_ngram_mod_n_max
        params.speculative.ngram_mod.n_min = flags.spec_ngram_mod_n_min
    if flags.lora:
        params.lora_adapters = [_adapter(path) for path in flags.lora]


def _adapter(path: str) -> Any:
    adapter = xllamacpp.CommonAdapterLoraInfo()
    adapter.path, adapter.scale = path, 1.0
    return adapter


def main() -> None:
    """Serve until told to stop."""
    # The engine's threads have nothing to save: an orderly way down only takes time.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        server = xllamacpp.Server(parameters(sys.argv[1:]))
    except RuntimeError as error:
        sys.exit(f"error: {error}")
    sys.stderr.write(f"listening on {server.listening_address}\n")
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
