"""Language models that rank: which words vLLM reads as a score, and the prompt they know.

Their safetensors look like a chat model's, and vLLM would answer chats with them. What it
wants to be told instead is in its documentation (``docs/models/pooling_models/scoring.md``);
the prompts are those of the models' own cards, in one line each, since the form of Akash
Console takes a second line for a word of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from wizard.registry.values import Architecture, ModelRef
from wizard.sdl.values import Engine, Plan

_QUERY, _DOCUMENT = "messages[0].content", "messages[1].content"


@dataclass(frozen=True)
class Ranker:
    """A family by a part of its repositories' names, and the class of its config."""

    named: str
    chats_as: str
    ranks_as: str
    words: tuple[str, ...]
    prompt: tuple[str, ...]
    method: str = ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """vLLM's own, in the order in which its documentation has them."""
        overrides: Mapping[str, object] = {
            "architectures": [self.ranks_as],
            "classifier_from_token": list(self.words),
            **({"method": self.method} if self.method else {"is_original_qwen3_reranker": True}),
        }
        return (
            *("--runner", "pooling"),
            *("--hf-overrides", json.dumps(overrides)),
            *("--chat-template", "".join(f"{{{{ {part} }}}}" for part in self.prompt)),
        )


def _said(text: str) -> str:
    """A text as an expression of Jinja."""
    return json.dumps(text, ensure_ascii=False)


_JUDGE = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query "
    'and the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n<Instruct>: "
)
_SEARCH = "Given a web search query, retrieve relevant passages that answer the query"
_LOOK = "Given a search query, retrieve relevant candidates that answer the query."
_TURN = "<|im_end|>\n<|im_start|>assistant\n"
RANKERS = (
    Ranker(
        "qwen3-reranker",
        "Qwen3ForCausalLM",
        "Qwen3ForSequenceClassification",
        ("no", "yes"),
        (
            _said(_JUDGE),
            f"instruction | default({_said(_SEARCH)})",
            *(_said("\n<Query>: "), _QUERY, _said("\n<Document>: "), _DOCUMENT),
            _said(f"{_TURN}<think>\n\n</think>\n\n"),
        ),
    ),
    Ranker(
        "qwen3-vl-reranker",
        "Qwen3VLForConditionalGeneration",
        "Qwen3VLForSequenceClassification",
        ("no", "yes"),
        (
            _said(_JUDGE),
            f"instruction | default({_said(_LOOK)})",
            *(_said("<Query>:"), _QUERY, _said("\n<Document>:"), _DOCUMENT, _said(f"{_TURN}\n")),
        ),
    ),
    Ranker(
        "bge-reranker-v2-gemma",
        "GemmaForCausalLM",
        "GemmaForSequenceClassification",
        ("Yes",),
        (
            *(_said("A: "), _QUERY, _said("\nB: "), _DOCUMENT),
            _said(
                "\nGiven a query A and a passage B, determine whether the passage contains an "
                "answer to the query by providing a prediction of either 'Yes' or 'No'."
            ),
        ),
        "no_post_processing",
    ),
    Ranker(
        "mxbai-rerank",
        "Qwen2ForCausalLM",
        "Qwen2ForSequenceClassification",
        ("0", "1"),
        (
            _said(
                "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful "
                "assistant.<|im_end|>\n<|im_start|>user\nquery: "
            ),
            *(_QUERY, _said("\ndocument: "), _DOCUMENT),
            _said(
                "\nYou are a search relevance expert who evaluates how well documents match "
                "search queries. For each query-document pair, carefully analyze the semantic "
                "relationship between them, then provide your binary relevance judgment (0 for "
                f"not relevant, 1 for relevant).\nRelevance:{_TURN}"
            ),
        ),
        "from_2_way_softmax",
    ),
)


def of(ref: ModelRef, architecture: Architecture) -> Ranker | None:
    """The family of a model; None where it answers as its config says."""
    name, classes = ref.repo.lower(), architecture.hf_architectures
    return next((each for each in RANKERS if each.named in name and each.chats_as in classes), None)


def ranker(plan: Plan) -> Ranker | None:
    """The family of a plan's model under vLLM, which alone wants to be told."""
    return of(plan.ref, plan.architecture) if plan.engine is Engine.VLLM else None
