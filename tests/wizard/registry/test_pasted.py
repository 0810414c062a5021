"""Every form in which a person pastes a model's name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.refs import HuggingFaceRef, OllamaRef, Ref, parse
from wizard.registry.pasted import candidates, link_problem

HUB = HuggingFaceRef("user", "repo")
QUANT = HuggingFaceRef("user", "repo", "Q4_K_M")
FILE = HuggingFaceRef("user", "repo", file="m-Q4_K_M.gguf")
LLAMA = OllamaRef("llama3.1", tag="8b")


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("https://huggingface.co/user/repo", HUB),
        ("http://www.huggingface.co/user/repo/", HUB),
        ("huggingface.co/user/repo", HUB),
        ("https://huggingface.co/user/repo/tree/main", HUB),
        ("https://huggingface.co/user/repo/tree/main/Q4_K_M", QUANT),
        ("https://huggingface.co/user/repo/blob/main/m-Q4_K_M.gguf", FILE),
        ("https://huggingface.co/user/repo/resolve/main/m-Q4_K_M.gguf?download=true", FILE),
        ("https://huggingface.co/user/repo?show_file_info=m-Q4_K_M.gguf", FILE),
        ("https://huggingface.co/user/repo?show_file_info=x", HUB),
        ("https://huggingface.co/user/repo/blob/main/README.md", HUB),
        ("https://huggingface.co/user/repo/discussions/3", HUB),
        ("https://huggingface.co/user/repo/commits/main", HUB),
        ("https://huggingface.co/user/repo.git", HUB),
        ("https://huggingface.co/api/models/user/repo", HUB),
        (
            "https://huggingface.co/user/repo/blob/refs%2Fpr%2F1/m.gguf",
            HuggingFaceRef("user", "repo", file="m.gguf", revision="refs/pr/1"),
        ),
        ("hf.co/user/repo:Q4_K_M", QUANT),
        ("https://ollama.com/library/llama3.1:8b", LLAMA),
        ("https://ollama.com/library/llama3.1/tags", OllamaRef("llama3.1")),
        ("https://ollama.com/library/llama3.1:8b/blobs/0123abcd", LLAMA),
        ("https://ollama.com/user/model", OllamaRef("model", "user")),
        ("https://registry.ollama.ai/v2/library/llama3.1/manifests/8b", LLAMA),
        ("ollama run llama3.1:8b", LLAMA),
        ("ollama run --verbose llama3.1:8b 'Why is the sky blue?'", LLAMA),
        ('$ ollama run llama3.1:8b "Why?"', LLAMA),
        ("sudo ollama pull llama3.1:8b", LLAMA),
        ("`ollama run hf.co/user/repo:Q4_K_M`", QUANT),
        ("vllm serve user/repo", HUB),
        ("vllm serve --tensor-parallel-size 2 user/repo", HUB),
        ("vllm serve https://huggingface.co/user/repo", HUB),
        ("hf download user/repo m-Q4_K_M.gguf --local-dir .", FILE),
        ("huggingface-cli download user/repo", HUB),
        ("git clone https://huggingface.co/user/repo", HUB),
        ("llama-server -hf user/repo:Q4_K_M", QUANT),
        ("llama-cli --hf-repo user/repo --hf-file m-Q4_K_M.gguf -c 0", FILE),
        ("llama-server --hf-repo=user/repo", HUB),
        ("docker run vllm/vllm-openai --model user/repo", HUB),
        ('AutoModelForCausalLM.from_pretrained("user/repo")', HUB),
    ],
)
def test_it_works(text: str, ref: Ref) -> None:
    assert candidates(text) == (ref,)


@pytest.mark.parametrize("text", ["user/repo", '"user/repo"', "'user/repo'", "user/repo,"])
def test_a_bare_name_may_live_in_both_registries(text: str) -> None:
    assert candidates(text) == (HUB, OllamaRef("repo", "user"))


def test_a_name_without_a_slash_is_ollamas() -> None:
    assert candidates("llama3.1:8b") == (LLAMA,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "small coding model",
        "http://[",
        "https://example.org/user/repo",
        "ftp://huggingface.co/user/repo",
        "https://huggingface.co/",
        "https://huggingface.co/datasets/user/repo",
        "https://huggingface.co/spaces/user/repo",
        "https://ollama.com/search?q=llama",
        "https://ollama.com/library",
        "ollama run",
        "javascript:alert(1)//",
        "'unbalanced",
        "<script>alert(1)</script>",
    ],
)
def test_what_names_no_model_is_to_be_searched_for(text: str) -> None:
    assert candidates(text) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://huggingface.co/datasets/user/repo", "a dataset"),
        ("hf.co/spaces/user/repo", "a Space"),
        ("https://huggingface.co/collections/user/some-1a2b", "a collection"),
        ("https://huggingface.co/", "no model's"),
        ("https://ollama.com/search?q=llama", "no model's"),
        ("https://example.org/user/repo", "neither Hugging Face nor"),
        ("ftp://huggingface.co/user/repo", "Only https"),
        ("https://", "names no site"),
        ("http://[", "cannot be read"),
    ],
)
def test_a_link_that_leads_to_no_model_says_what_it_is(text: str, said: str) -> None:
    assert said in link_problem(text)


@pytest.mark.parametrize("text", ["llama3.1:8b", "hf.co/user/repo", "small coding model", ""])
def test_other_texts_are_no_bad_links(text: str) -> None:
    assert link_problem(text) == ""


@given(st.text(st.sampled_from("ab/:@.%-_ \"'`$?#[]\\") | st.characters(), max_size=60))
def test_any_pasted_text_is_read_without_a_crash(text: str) -> None:
    for ref in candidates(text) + candidates(f"https://hf.co/{text}"):
        assert parse(str(ref)) == ref
