from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client


def test_it_works(site: Client) -> None:
    answer = site.get("/")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Run your own open model on Akash" in text
    assert len(re.findall('class="model-row"', text)) == 20
    assert re.search(r"Fits [^<]+</span>", text)


def test_a_search_lists_only_what_matches_and_says_where_it_looked(site: Client) -> None:
    text = site.get("/", {"q": "qwen3", "source": "ollama"}).content.decode()
    names = re.findall(r'<div class="who"><a href="([^"]+)"', text)
    assert "/models/ollama/qwen3/" in names
    assert all("qwen3" in name for name in names)
    assert "works offline" in text


def test_a_reranker_is_not_called_one_that_embeds(site: Client) -> None:
    for address in ("/?q=bge-reranker", "/models/hf/BAAI/bge-reranker-large/"):
        text = site.get(address).content.decode()
        assert '<span class="tag">reranking</span>' in text
        assert '<span class="tag">embedding</span>' not in text


def test_htmx_gets_the_list_alone_and_the_address_of_its_state(site: Client) -> None:
    answer = site.get(
        "/", {"q": "qwen3", "task": "", "sort": "", "size": "8"}, headers={"HX-Request": "true"}
    )
    assert "<html" not in answer.content.decode()
    assert answer["HX-Replace-Url"] == "/?q=qwen3&size=8"
    assert "HX-Request" in answer["Vary"]


def test_each_row_tells_the_whole_name(site: Client) -> None:
    rows = site.get("/").content.decode().split('class="model-row"')[1:]
    names = [re.search(r'<span class="mono">([^<]+)</span>', row) for row in rows]
    whole = [found[1] for found in names if found]
    assert len(whole) == len(rows)
    assert "library/llama3.1" in whole
    assert all(name.count("/") == 1 for name in whole)


def test_a_size_that_is_searched_for_is_the_one_that_is_shown(site: Client) -> None:
    text = site.get("/", {"q": "llama3.1 70b", "source": "ollama"}).content.decode()
    row = text.split('class="model-row"')[1]
    assert 'href="/models/ollama/llama3.1:70b/"' in row
    assert "library/llama3.1:70b" in row
    assert ">70" in row
    usual = site.get("/", {"q": "llama3.1", "source": "ollama"}).content.decode()
    assert 'href="/models/ollama/llama3.1/"' in usual
    others = site.get("/", {"q": "qwen2.5 70b"}).content.decode()
    assert "qwen2.5:70b" not in others


def test_results_come_in_pages(site: Client) -> None:
    first = site.get("/", {"q": "qwen"}).content.decode()
    link = re.search(r'<a href="([^"]+)" rel="next">', first)
    assert link
    second = site.get(unescape(link[1])).content.decode()
    assert "Page 2" in second
    assert 'rel="prev"' in second


@pytest.mark.parametrize(
    ("pasted", "address"),
    [
        ("llama3.1:8b", "/models/ollama/llama3.1:8b/"),
        ("ollama run llama3.1", "/models/ollama/llama3.1/"),
        ("hf.co/Qwen/Qwen3-8B", "/models/hf/Qwen/Qwen3-8B/"),
        ("Qwen/Qwen3-8B", "/models/hf/Qwen/Qwen3-8B/"),
        ("Qwen/Qwen3-\u200b8B\ufeff", "/models/hf/Qwen/Qwen3-8B/"),
        ("ollama run\u00a0llama3.1", "/models/ollama/llama3.1/"),
        ("https://huggingface.co/Qwen/Qwen3-8B", "/models/hf/Qwen/Qwen3-8B/"),
        (
            "https://huggingface.co/a/b/blob/main/b-Q4_K_M.gguf",
            "/models/hf/a/b/configure/?variant=b-Q4_K_M.gguf",
        ),
    ],
)
def test_a_pasted_name_leads_to_its_model(site: Client, pasted: str, address: str) -> None:
    answer = site.get("/", {"q": pasted})
    assert answer.status_code == 302
    assert answer["Location"] == address


def test_a_name_of_both_registries_asks_which(site: Client) -> None:
    text = site.get("/", {"q": "acme/thing"}).content.decode()
    assert "/models/hf/acme/thing/" in text
    assert "/models/ollama/acme/thing/" in text


def test_typing_never_redirects(site: Client) -> None:
    answer = site.get("/", {"q": "llama3.1:8b"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200


def test_nothing_found_says_what_to_do(site: Client) -> None:
    assert "Nothing found for “zzzzzzz”" in site.get("/", {"q": "zzzzzzz"}).content.decode()


def test_markup_in_a_search_stays_text(site: Client) -> None:
    text = site.get("/", {"q": "<img src=x onerror=alert(1)>"}).content.decode()
    assert "<img" not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [("sort", "worst"), ("task", "dance"), ("source", "npm"), ("size", "big")],
)
def test_a_filter_that_does_not_exist_is_refused(site: Client, name: str, value: str) -> None:
    answer = site.get("/", {name: value})
    assert answer.status_code == 400
    assert "That choice cannot be used" in answer.content.decode()


def test_posting_is_refused(site: Client) -> None:
    assert site.post("/").status_code == 405


def test_a_link_to_something_else_is_named(site: Client) -> None:
    answer = site.get("/", {"q": "https://huggingface.co/datasets/user/repo"})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "This link is a dataset on Hugging Face, not a model." in page
    assert "Nothing found" not in page
    assert "Popular now" in page


@pytest.mark.parametrize(
    ("searched", "suggested"),
    [
        ("Qwen3-8B-Q4_K_M.gguf", "Qwen3-8B"),
        ("Qwen3-8B-UD-Q4_K_XL-00001-of-00002.gguf", "Qwen3-8B"),
        ("qwn3", "qwen3"),
    ],
)
def test_a_search_that_finds_nothing_suggests_another(
    site: Client, searched: str, suggested: str
) -> None:
    text = site.get("/", {"q": searched}).content.decode()
    assert f'Did you mean <a href="/?q={suggested}">{suggested}</a>?' in text
    assert "0 models" not in site.get("/", {"q": suggested}).content.decode()


@pytest.mark.parametrize("searched", ["xyzzyplugh", "日本語", "Q4_K_M.gguf"])
def test_nothing_is_suggested_where_nothing_is_near(site: Client, searched: str) -> None:
    text = site.get("/", {"q": searched}).content.decode()
    assert "Nothing found" in text
    assert "Did you mean" not in text


def test_a_search_that_is_too_long_is_refused_in_its_own_words(site: Client) -> None:
    answer = site.get("/", {"q": "x" * 513})
    assert answer.status_code == 400
    text = answer.content.decode()
    assert "That search cannot be read" in text
    assert "paste one name or one link" in text
