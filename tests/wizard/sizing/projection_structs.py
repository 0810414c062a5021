"""The parts of llama.cpp's C interface that a load without weights needs.

Declared after ``llama.h`` and ``gguf.h`` of the pinned engine;
`check` refuses an engine whose defaults are not where they are expected.
"""

from __future__ import annotations

import ctypes as c
from pathlib import Path

import xllamacpp

POINTER = c.c_void_p
CONTEXT_BYTES, MODEL_BYTES = 192, 80
# Offsets of fields in the parameter structs, in bytes.
N_CTX, N_BATCH, N_UBATCH, N_SEQ_MAX, N_OUTPUTS_MAX, FLASH_ATTENTION = 0, 4, 8, 12, 20, 52
N_RS_SEQ, CTX_TYPE, CTX_OTHER = 16, 36, 160
TYPE_K, TYPE_V, SWA_FULL, KV_UNIFIED = 104, 108, 140, 141
USE_EXTRA_BUFFERS, NO_ALLOC, LOAD_MTP = 74, 76, 77
TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8}
TYPES |= {"iq4_nl": 20, "bf16": 30}


class Context(c.Structure):
    """``llama_context_params`` as bytes."""

    _fields_ = (("raw", c.c_ubyte * CONTEXT_BYTES),)


class Model(c.Structure):
    """``llama_model_params`` as bytes."""

    _fields_ = (("raw", c.c_ubyte * MODEL_BYTES),)


class InitParams(c.Structure):
    """``gguf_init_params``."""

    _fields_ = (("no_alloc", c.c_bool), ("ctx", POINTER))


def load() -> c.CDLL:
    """The engine inside the xllamacpp wheel."""
    (path,) = Path(xllamacpp.__file__).parent.glob("xllamacpp*.so")
    engine = c.CDLL(str(path))
    engine.llama_context_default_params.restype = Context
    engine.llama_model_default_params.restype = Model
    engine.gguf_init_from_file.restype = POINTER
    engine.gguf_init_from_file.argtypes = (c.c_char_p, InitParams)
    engine.llama_model_init_from_user.restype = POINTER
    engine.llama_model_init_from_user.argtypes = (POINTER, POINTER, POINTER, Model)
    engine.llama_init_from_model.restype = POINTER
    engine.llama_init_from_model.argtypes = (POINTER, Context)
    engine.llama_free.argtypes = (POINTER,)
    engine.llama_model_free.argtypes = (POINTER,)
    check(engine)
    return engine


def check(engine: c.CDLL) -> None:
    """Raise RuntimeError where the structs have other fields than those declared here."""
    raw = bytes(engine.llama_context_default_params().raw)
    numbers = [int.from_bytes(raw[at : at + 4], "little") for at in (N_CTX, N_BATCH, N_UBATCH)]
    types = (raw[TYPE_K], raw[TYPE_V], raw[SWA_FULL], raw[KV_UNIFIED])
    if numbers != [512, 2048, 512] or types != (1, 1, 1, 0):
        raise RuntimeError("llama_context_params changed: declare it anew for this engine.")
