"""What llama.cpp reports that a header would take, without loading a byte of weights.

    python -m tests.wizard.sizing.projection_probe < cases

Each line is a JSON list: header file, context, slots, unified, ubatch, flash
attention, types of keys and of values, tokens that the model's own layers draft. Each
answer is a JSON list of the bytes of weights, caches and computing on the CPU, those of
the drafting context behind them. A process of its own: llama.cpp aborts where it fails.
"""

from __future__ import annotations

import ctypes as c
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from tests.wizard.sizing import projection_structs as s

# ``llama_get_memory_breakdown`` returns a std::map; a node is three pointers
# after a colour, then the key and three sizes.
_BREAKDOWN = "_Z26llama_get_memory_breakdownPK13llama_context"
_MAP_BYTES = 48
_WORD = 8
_FILL = c.CFUNCTYPE(None, s.POINTER, s.POINTER)(lambda *_: None)
_QUIET = c.CFUNCTYPE(None, c.c_int, c.c_char_p, s.POINTER)(lambda *_: None)


def _put(raw: Any, at: int, value: int, size: int = 4) -> None:
    raw[at : at + size] = list(value.to_bytes(size, "little"))


def _word(address: int) -> int:
    return int(c.c_size_t.from_address(address).value)


def _nodes(address: int) -> Iterator[int]:
    if not address:
        return
    yield from _nodes(_word(address + 2 * _WORD))
    yield address + 4 * _WORD
    yield from _nodes(_word(address + 3 * _WORD))


def _breakdown(engine: c.CDLL, context: int) -> list[int]:
    """Sums over all buffer types: the CPU has more than one."""
    found = (c.c_ubyte * _MAP_BYTES)()
    function = engine[_BREAKDOWN]
    function.restype, function.argtypes = s.POINTER, (s.POINTER, s.POINTER)
    function(c.addressof(found), context)
    nodes = list(_nodes(_word(c.addressof(found) + 2 * _WORD)))
    return [sum(_word(node + _WORD * place) for node in nodes) for place in (1, 2, 3)]


def project(engine: c.CDLL, case: list[Any]) -> list[int] | None:
    """Bytes of weights, caches and computing; None where the engine refuses."""
    path, context, slots, unified, ubatch, fused, keys, values, drafts = case
    header = engine.gguf_init_from_file(path.encode(), s.InitParams(True, None))
    model_params = engine.llama_model_default_params()
    _put(model_params.raw, s.USE_EXTRA_BUFFERS, 0, 1)
    _put(model_params.raw, s.NO_ALLOC, 1, 1)
    _put(model_params.raw, s.LOAD_MTP, int(drafts > 0), 1)
    model = engine.llama_model_init_from_user(header, _FILL, None, model_params)
    params = engine.llama_context_default_params()
    _put(params.raw, s.N_CTX, context)
    _put(params.raw, s.N_BATCH, max(2048, ubatch))
    _put(params.raw, s.N_UBATCH, ubatch)
    _put(params.raw, s.N_SEQ_MAX, slots)
    _put(params.raw, s.N_OUTPUTS_MAX, slots * (1 + drafts))
    _put(params.raw, s.N_RS_SEQ, drafts)
    _put(params.raw, s.FLASH_ATTENTION, int(fused))
    _put(params.raw, s.TYPE_K, s.TYPES[keys])
    _put(params.raw, s.TYPE_V, s.TYPES[values])
    _put(params.raw, s.SWA_FULL, 0, 1)
    _put(params.raw, s.KV_UNIFIED, int(unified), 1)
    context_pointer = engine.llama_init_from_model(model, params)
    if not context_pointer:
        engine.llama_model_free(model)
        return None
    sizes = _breakdown(engine, context_pointer)
    if drafts:
        sizes += _drafting(engine, model, params, context_pointer)
    engine.llama_free(context_pointer)
    engine.llama_model_free(model)
    return sizes


def _drafting(engine: c.CDLL, model: int, params: s.Context, other: int) -> list[int]:
    """The same of a context of the layers that draft (``common_speculative_init_result``)."""
    _put(params.raw, s.N_RS_SEQ, 0)
    _put(params.raw, s.CTX_TYPE, 1)
    _put(params.raw, s.CTX_OTHER, other, 8)
    for types in (s.TYPE_K, s.TYPE_V):
        _put(params.raw, types, s.TYPES["f16"])
    context = engine.llama_init_from_model(model, params)
    sizes = _breakdown(engine, context)
    engine.llama_free(context)
    return sizes


def main() -> None:
    engine = s.load()
    engine.llama_log_set(_QUIET, None)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(project(engine, json.loads(line))) + "\n")
        sys.stdout.flush()
    # Not closed: the engine's threads have nothing to finish.
    os._exit(0)


if __name__ == "__main__":
    main()
