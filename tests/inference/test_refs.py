"""Every form in which a model's name is written."""

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
