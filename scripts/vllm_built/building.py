"""A config → vLLM's model on the meta device → bytes of weights and of its caches."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import torch
from transformers import AutoConfig, PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from vllm.config import VllmConfig, set_current_vllm_config
from vllm.engine.arg_utils import EngineArgs
from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase
from vllm.model_executor.model_loader.utils import initialize_model
from vllm.multimodal.processing.context import InputProcessingContext
from vllm.platforms import current_platform
from vllm.transformers_utils.config import _CONFIG_REGISTRY
from vllm.utils.torch_utils import set_default_torch_dtype
from vllm.v1.attention.backends.utils import (
    get_supported_kv_cache_layouts,
    resolve_kv_cache_layout,
)
from vllm.v1.core import kv_cache_planning
from vllm.v1.core.kv_cache_config_builder import get_kv_cache_config_builder
from vllm.v1.worker.workspace import init_workspace_manager

from scripts.vllm_built.standin import META, OnMeta, use_groups, use_no_compiler

# Families that read an image processor's file only need it to be there.
_KIMI: dict[str, Any] = {"merge_kernel_size": 2, "temporal_merge_kernel_size": 1, "patch_size": 14}
_KIMI |= {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
_PROCESSOR: dict[str, Any] = {"feature_extractor_type": "none", "image_processor_type": "none"}
_PROCESSOR |= {"media_proc_cfg": _KIMI}


def _know(config: Mapping[str, Any]) -> None:
    """Let transformers read a type whose class lies in the model's own repository."""
    kind = config.get("model_type")
    if not kind or kind in CONFIG_MAPPING or kind in _CONFIG_REGISTRY:
        return

    def nested(part: Any) -> Any:
        if not isinstance(part, dict) or not part.get("model_type"):
            return part
        _know(part)
        options = {key: value for key, value in part.items() if key != "model_type"}
        return AutoConfig.for_model(part["model_type"], **options)

    def start(self: Any, **options: Any) -> None:
        found = {key: nested(options[key]) for key in options}
        if "block_configs" in found:
            found["block_configs"] = [_Attributes(block) for block in found["block_configs"]]
        # Rotations are put in order by the base class, which asks for what it was not given.
        vars(self).update(found)
        PreTrainedConfig.__init__(self, **found)

    members = {"model_type": kind, "__init__": start}
    AutoConfig.register(kind, type("PlainConfig", (PreTrainedConfig,), members))


class _Attributes(dict[str, Any]):
    """A block's mapping, whose keys are attributes too, as its own class has them."""

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise AttributeError(name)
        value = self[name]
        return _Attributes(value) if isinstance(value, dict) else value


def _as_read(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config that vLLM makes of a release's other format, where it reads that one.

    Voxtral's is Mistral's ``params.json`` (``transformers_utils/configs/mistral.py``).
    """
    if config.get("model_type") != "voxtral":
        return config
    sound = dict(config["audio_config"])
    told = {"d_model": "hidden_size", "encoder_layers": "num_hidden_layers"}
    told |= {"encoder_ffn_dim": "intermediate_size"}
    told |= {"encoder_attention_heads": "num_attention_heads"}
    sound |= {new: sound[old] for new, old in told.items()}
    sound |= {"model_type": "whisper", "downsample_factor": 4, "is_causal": False}
    sound |= {"window_size": 400, "sampling_rate": 16_000, "hop_length": 160}
    text = {**config["text_config"], "architectures": ["MistralForCausalLM"]}
    text["model_type"] = "mistral"
    return {**config, "model_type": "whixtral", "audio_config": sound, "text_config": text}


def built(
    config: Mapping[str, Any], case: Mapping[str, Any], stage: int = 0
) -> tuple[VllmConfig, Any]:
    """vLLM's config and model of a stage of a case: ``tensor_parallel``, ``nodes``, ``kv``."""
    gpus, nodes = case.get("tensor_parallel", 1), case.get("nodes", 1)
    use_groups(gpus, nodes, stage)
    # Some ask a tokenizer for their signs of an image; this one knows none.
    InputProcessingContext.get_tokenizer = lambda _: MagicMock(get_vocab=dict)
    config = _as_read(config)
    _know(config)
    init_workspace_manager(META)
    if str(config.get("model_type")).startswith("kimi"):
        use_no_compiler()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("config", config), ("preprocessor_config", _PROCESSOR)):
            Path(folder, f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        arguments = EngineArgs(
            model=folder,
            tokenizer=folder,
            skip_tokenizer_init=True,
            tensor_parallel_size=gpus,
            pipeline_parallel_size=nodes,
            kv_cache_dtype=case.get("kv", "auto"),
            load_format="dummy",
            enforce_eager=True,
            allow_deprecated_quantization=True,
            distributed_executor_backend="mp" if gpus * nodes > 1 else None,
        )
        whole = arguments.create_engine_config()
        with (
            OnMeta(),
            set_current_vllm_config(whole),
            set_default_torch_dtype(whole.model_config.dtype),
            META,
        ):
            return whole, initialize_model(whole)


def tensors(model: Any) -> Iterator[tuple[str, torch.Tensor, bool]]:
    """Each tensor of a model once: its name, and whether it is a parameter."""
    seen: set[int] = set()
    for is_parameter, found in ((True, model.named_parameters()), (False, model.named_buffers())):
        for name, tensor in found:
            if id(tensor) not in seen:
                seen.add(id(tensor))
                yield name, tensor, is_parameter


def size(tensor: torch.Tensor) -> int:
    """Bytes of a tensor's elements."""
    return int(tensor.numel() * tensor.element_size())


def layers(whole: VllmConfig) -> dict[str, Any]:
    """What each layer of a stage keeps of a request, in vLLM's own specifications."""
    with suppress(Exception):
        current_platform.update_block_size_for_backend(whole)
    attending = {
        name: layer
        for name, layer in whole.compilation_config.static_forward_context.items()
        if isinstance(layer, AttentionLayerBase)
    }
    kept = {
        name: found
        for name, layer in attending.items()
        if not getattr(layer, "kv_sharing_target_layer_name", None)
        and (found := layer.get_kv_cache_spec(whole)) is not None
    }
    if kept:
        _choose_layout(whole, {layer.get_attn_backend() for layer in attending.values()}, kept)
    return kept


def _choose_layout(whole: VllmConfig, backends: set[Any], kept: Mapping[str, Any]) -> None:
    """How blocks lie in memory, as the engine settles it from what the kernels can read."""
    ordered = sorted(backends, key=lambda each: str(each.get_name()))
    names = [layout.name for layout in get_supported_kv_cache_layouts(ordered)]
    resolve_kv_cache_layout(whole, [names], kept.values())


def token_bytes(stage: Mapping[str, Any]) -> int:
    """Bytes of one token in all layers of a stage, as if none had a window."""
    found = (each for each in stage.values() if hasattr(each, "real_page_size_bytes"))
    return sum(
        int(each.real_page_size_bytes) // int(each.block_size)
        for each in found
        if type(each).__name__ not in ("MambaSpec", "CircularBufferSpec")
    )


def held(whole: VllmConfig, stages: list[dict[str, Any]], context: int) -> int:
    """Bytes that vLLM's planner counts for one request of full length, on the fullest stage."""
    if not any(stages):
        return 0
    builder = get_kv_cache_config_builder(whole)
    whole.model_config.max_model_len = context
    groups = kv_cache_planning.get_global_kv_cache_groups(whole, [dict(each) for each in stages])
    return max(
        int(
            kv_cache_planning._max_memory_usage_bytes_from_groups(
                builder,
                whole,
                kv_cache_planning._project_kv_cache_groups_to_worker(groups, stage),
            )
        )
        for stage in stages
    )
