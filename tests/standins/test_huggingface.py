"""The stand-in answers the way that the Hub was seen to."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.standins.huggingface import TREE_PAGE, HuggingFaceStandIn

REPO = "Qwen/Qwen3-8B-GGUF"


@pytest.fixture
def hub() -> Iterator[HuggingFaceStandIn]:
    with HuggingFaceStandIn() as standin:
        yield standin


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client() as opened:
        yield opened


def test_it_works(hub: HuggingFaceStandIn, client: httpx2.Client) -> None:
    body = client.get(f"{hub.url}/api/models/{REPO}?blobs=true").json()
    large = next(file for file in body["siblings"] if file["rfilename"].endswith("Q4_K_M.gguf"))
    assert large["lfs"]["size"] == large["size"] > 4 << 30
    assert body["gguf"]["total"] < large["size"] * 2


def test_a_tree_comes_in_pages(hub: HuggingFaceStandIn, client: httpx2.Client) -> None:
    first = client.get(f"{hub.url}/api/models/{REPO}/tree/main")
    assert len(first.json()) == TREE_PAGE
    second = client.get(first.links["next"]["url"])
    assert {entry["path"] for entry in second.json()}.isdisjoint(
        entry["path"] for entry in first.json()
    )


def test_a_list_comes_in_pages_too(hub: HuggingFaceStandIn, client: httpx2.Client) -> None:
    first = client.get(f"{hub.url}/api/models?limit=2&filter=gguf")
    second = client.get(first.links["next"]["url"])
    assert len(first.json()) == len(second.json()) == 2
    assert first.json() != second.json()


def test_expand_gives_the_asked_fields_alone(
    hub: HuggingFaceStandIn, client: httpx2.Client
) -> None:
    (item,) = client.get(f"{hub.url}/api/models?limit=1&expand=likes").json()
    assert set(item) == {"_id", "id", "likes"}


def test_a_large_file_is_on_the_cdn(hub: HuggingFaceStandIn, client: httpx2.Client) -> None:
    answer = client.head(f"{hub.url}/{REPO}/resolve/main/Qwen3-8B-Q4_K_M.gguf")
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(hub.cdn.url)
    assert len(answer.headers["x-linked-etag"].strip('"')) == 64
    part = client.get(answer.headers["location"], headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"GGUF")
    assert part.headers["content-range"].startswith("bytes 0-3/")


def test_the_cdn_refuses_a_token(hub: HuggingFaceStandIn, client: httpx2.Client) -> None:
    answer = client.head(f"{hub.url}/{REPO}/resolve/main/Qwen3-8B-Q4_K_M.gguf")
    headers = {"Authorization": "Bearer hf_x"}
    assert client.get(answer.headers["location"], headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/models/no/such", 401, None),
        (f"/api/models/{REPO}/revision/badrev", 404, "RevisionNotFound"),
        (f"/{REPO}/resolve/main/none.gguf", 404, "EntryNotFound"),
        ("/meta-llama/Llama-3.3-70B-Instruct/resolve/main/config.json", 401, "GatedRepo"),
        ("/api/models/meta-llama/Llama-3.3-70B-Instruct", 200, None),
        ("/api/models/Qwen-Team/Qwen3-8B-GGUF", 307, None),
    ],
)
def test_its_refusals(
    hub: HuggingFaceStandIn, client: httpx2.Client, path: str, status: int, code: str | None
) -> None:
    answer = client.get(f"{hub.url}{path}")
    assert (answer.status_code, answer.headers.get("x-error-code")) == (status, code)
