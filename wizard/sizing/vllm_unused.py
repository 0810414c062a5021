"""What lies in the files of a model and is not loaded by vLLM.

Layers that predict further tokens, an output matrix that tied embeddings or a ranking
model's score stand for, and a voice.
None is told by a config alone: their shares follow from the shapes and the files' size.
"""

from __future__ import annotations

from wizard.registry.values import Architecture
from wizard.sizing import vllm_layers, vllm_types

# Share of a file by which norms, biases and its header may make it larger than its matrices.
_NEAR = 0.01
# Layers that predict further tokens: these bring embeddings and an output of their own.
_OWN_EMBEDDINGS = ("deepseek", "glm4_moe", "glm_moe", "axk1", "pangu")


def unused_bytes(architecture: Architecture, file: int, *, is_pooled: bool) -> int:
    """Bytes of the files that vLLM passes over, or drops before it measures what is left.

    ``is_pooled`` tells that no words are written (``vllm_layers.is_pooled``).
    """
    found = _prediction_bytes(architecture, file)
    if architecture.tied_embeddings or (is_pooled and architecture.causal):
        found += _output_bytes(architecture, file)
    return found + _voice_bytes(architecture, file)


def _prediction_bytes(architecture: Architecture, file: int) -> int:
    """Bytes of layers for multi-token prediction: in the files, not loaded.

    Their share of all elements, with embeddings weighted as they are kept.
    """
    count = architecture.nextn_layers
    if not count:
        return 0
    table = architecture.vocab_size * architecture.embedding_length
    plain = vllm_types.PLAIN_BITS / vllm_types.usual_bits(architecture)
    own = 2 * table * plain if architecture.name.startswith(_OWN_EMBEDDINGS) else 0
    extra = count * (_last_layer(architecture) + 2 * architecture.embedding_length**2 + own)
    body = sum(vllm_layers.elements(architecture))
    tables = table * plain * (1 if architecture.tied_embeddings else 2)
    return int(file * extra / (body + extra + tables))


def _voice_bytes(architecture: Architecture, file: int) -> int:
    """Bytes of a voice in the files, which vLLM does not load (``Qwen2_5OmniThinker…``).

    All that is beyond the text model and its encoders, as their shapes tell.
    """
    if not architecture.has_voice or architecture.quant_method:
        return 0
    each = 2 / vllm_types.cast(architecture, file)
    return max(0, file - int(each * vllm_layers.all_elements(architecture)))


def _output_bytes(architecture: Architecture, file: int) -> int:
    """Bytes of an output matrix in the files that is superfluous; 0 where there is none.

    Some releases have it beside tied embeddings (Qwen3-0.6B does), and vLLM passes it over.
    Where a language model is read as a classifier, the score is made of two of its rows and
    the rest dropped (``load_weights_using_from_2_way_softmax``). Told by the size alone,
    where the matrices' own is as good as exact.
    """
    is_plain = vllm_layers.is_plain(architecture) and not architecture.quant_method
    if not is_plain:
        return 0
    each = int(2 / vllm_types.cast(architecture, file))
    table = each * architecture.vocab_size * architecture.embedding_length
    body = sum(vllm_layers.elements(architecture)) + architecture.encoder_weight_elements
    return table if abs(file - each * body - 2 * table) < min(_NEAR * file, table / 2) else 0


def _last_layer(architecture: Architecture) -> int:
    """Elements of a layer as the last ones are: it attends, with experts where there are any."""
    attends = vllm_layers.attention(architecture, max(architecture.kv_heads, default=0))
    return attends + vllm_layers.forward(architecture)[1]
