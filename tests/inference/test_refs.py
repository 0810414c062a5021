"""Every form in which a person writes or pastes a model's name."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.refs import (
    MAX_LENGTH,
    HuggingFaceRef,
    OllamaRef,
    Ref,
    RefError,
    candidates,
    link_problem,
    parse,
)

HUB = HuggingFaceRef("user", "repo")
QUANT = HuggingFaceRef("user", "repo", "Q4_K_M")
FILE = HuggingFaceRef("user", "repo", file="m-Q4_K_M.gguf")
LLAMA = OllamaRef("llama3.1", tag="8b")
DIGEST = "5f" * 32


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("hf.co/user/repo", HUB),
        ("HF.co/user/repo", HUB),
        ("huggingface.co/user/repo:Q4_K_M", QUANT),
        (" hf.co/user/repo:Q4_K_M\n", QUANT),
        ("hf.co/user/repo/m-Q4_K_M.gguf", FILE),
        ("hf.co/user/repo/blob/main/m-Q4_K_M.gguf", FILE),
        ("hf.co/user/repo@main/m-Q4_K_M.gguf", FILE),
        ("hf.co/user/repo@v1:Q4_K_M", HuggingFaceRef("user", "repo", "Q4_K_M", revision="v1")),
        (
            "hf.co/user/repo@refs%2Fpr%2F1/sub/m.gguf",
            HuggingFaceRef("user", "repo", file="sub/m.gguf", revision="refs/pr/1"),
        ),
        ("hf.co/_a/b_", HuggingFaceRef("_a", "b_")),
        ("llama3.1:8b", LLAMA),
        ("llama3.1", OllamaRef("llama3.1")),
        ("user/model:tag", OllamaRef("model", "user", "tag")),
        ("registry.ollama.ai/library/llama3.1:8b", LLAMA),
        (f"llama3.1:8b@sha256:{DIGEST}", OllamaRef("llama3.1", tag="8b", digest=DIGEST)),
    ],
)
def test_it_works(text: str, ref: Ref) -> None:
    assert parse(text) == ref


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "No model is named"),
        ("  ", "No model is named"),
        ("a" * (MAX_LENGTH + 1), "at most"),
        ("a\x00b", "control characters"),
        ("a\nb", "control characters"),
        ("https://hf.co/user/repo", "is a link"),
        ("hf.co", "hf.co/user/repo"),
        ("hf.co/user", "hf.co/user/repo"),
        ("hf.co/user/", "hf.co/user/repo"),
        ("hf.co/datasets/squad", "no model"),
        ("hf.co/user/repo:", "quantisation"),
        ("hf.co/user/repo@", "revision"),
        ("hf.co/user/repo@../x/m.gguf", "revision"),
        ("hf.co/user/repo@a%2F..%2Fb", "revision"),
        ("hf.co/user/repo:Q4/m.gguf", "not both"),
        ("hf.co/user/re--po", "“--”"),
        ("hf.co/us..er/repo", "“..”"),
        ("hf.co/-user/repo", "user"),
        ("hf.co/user/repo/../../etc/passwd", "file"),
        ("hf.co/user/repo/a/../m.gguf", "file"),
        ("hf.co/user/repo/a//m.gguf", "file"),
        ("hf.co/user/repo/m.gguf\\x", "file"),
        ("llama3:", "tag"),
        (":8b", "model"),
        ("/model", "namespace"),
        ("a/b/c", "namespace"),
        ("../model", "namespace"),
        ("llama3:8b:9b", "tag"),
        ("llama3 8b", "model"),
        ("llama3@sha256:12", "64 hexadecimal"),
        ("llama3;rm -rf", "model"),
    ],
)
def test_a_name_that_makes_no_sense_is_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(RefError, match=words):
        parse(text)


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
def test_what_people_paste_is_understood(text: str, ref: Ref) -> None:
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


WORD = string.ascii_letters + string.digits
NAMES = st.text(WORD, min_size=1, max_size=20)
DOTTED = st.builds("{}.{}".format, NAMES, NAMES) | NAMES
PATHS = st.lists(DOTTED, min_size=1, max_size=3).map("/".join)
REVISIONS = st.just("") | st.sampled_from(["v1.0", "refs/pr/7", "5f" * 20])
HUB_REFS = st.builds(
    HuggingFaceRef, st.just("user"), DOTTED, st.just("") | NAMES, st.just(""), REVISIONS
) | st.builds(HuggingFaceRef, st.just("user"), DOTTED, st.just(""), PATHS, REVISIONS)
FIRST_FOLDERS = st.sampled_from(["blob", "resolve", "raw", "tree"])
ODD_FILES = st.builds(
    HuggingFaceRef,
    st.just("user"),
    DOTTED,
    st.just(""),
    st.builds("{}/{}".format, FIRST_FOLDERS, PATHS),
    REVISIONS,
)
OLLAMA_REFS = st.builds(OllamaRef, DOTTED, NAMES, DOTTED, st.sampled_from(["", DIGEST]))


@given(HUB_REFS | ODD_FILES | OLLAMA_REFS)
def test_a_written_reference_reads_as_itself(ref: Ref) -> None:
    assert parse(str(ref)) == ref


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert parse(str(parse(text))) == parse(text)
    except RefError as error:
        assert str(error).endswith(".")


@given(st.text(st.sampled_from("ab/:@.%-_ \"'`$?#[]\\") | st.characters(), max_size=60))
def test_any_pasted_text_is_read_without_a_crash(text: str) -> None:
    for ref in candidates(text) + candidates(f"https://hf.co/{text}"):
        assert parse(str(ref)) == ref
