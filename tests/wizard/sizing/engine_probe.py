"""Loads a model in llama.cpp and leaves its log on standard error.

    python engine_probe.py model.gguf CONTEXT SLOTS UNIFIED

A process of its own: llama.cpp writes its log to the file descriptor.
"""

from __future__ import annotations

import os
import sys

import xllamacpp


def main() -> None:
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.n_ctx, params.n_parallel = int(sys.argv[2]), int(sys.argv[3])
    params.kv_unified = sys.argv[4] == "unified"
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
    params.warmup, params.fit_params, params.n_gpu_layers, params.verbosity = False, False, 0, 5
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201 - kept alive until here
    # Not closed: its threads have nothing to finish.
    os._exit(0)


if __name__ == "__main__":
    main()
