"""Pulling from the Hub: names, quantisations, parts, projectors, gates."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from inference.errors import (
    DigestMismatch,
    InferenceError,
    ModelGated,
    ModelNotFound,
    RegistryAnswer,
    RegistryUnreachable,
    Unsupported,
)
from inference.models import Source
from tests.inference.pull.conftest import KIB, Puller
from tests.standins.server import Reply, json, redirect, text
from tests.standins.weights import COMMIT, Weights, gguf

FOUR, EIGHT = gguf(300 * KIB, 4), gguf(500 * KIB, 8)
VISION, PRECISE = gguf(90 * KIB, 1), gguf(180 * KIB, 2)
FILES = {
    "README.md": b"# A model",
    "m-Q4_K_M.gguf": FOUR,
    "m-Q8_0.gguf": EIGHT,
    "mmproj-m-F32.gguf": PRECISE,
    "mmproj-m-F16.gguf": VISION,
    "imatrix.gguf": gguf(KIB, 3),
}


@pytest.fixture(autouse=True)
def _repository(weights: Weights) -> None:
    weights.add_hub("user/repo", FILES)


def test_it_works(puller: Puller) -> None:
    model = puller.pull("hf.co/user/repo:Q8_0")
    assert model.name == "hf.co/user/repo:Q8_0"
    assert model.source is Source.HUGGING_FACE
    assert model.path.read_bytes() == EIGHT
    assert model.projector
    assert model.projector.path.read_bytes() == VISION
    assert model.size == len(EIGHT) + len(VISION)
    assert model.revision == COMMIT
    assert model.digest == model.files[0].sha256
    assert puller.leftovers() == []


def test_a_second_start_does_no_network_at_all(puller: Puller, weights: Weights) -> None:
    first = puller.pull("hf.co/user/repo")
    asked = weights.requests
    assert puller.pull("hf.co/user/repo") == first
    assert weights.requests == asked


def test_without_a_quantisation_the_best_known_one_is_taken(puller: Puller) -> None:
    assert puller.pull("hf.co/user/repo").quantisation == "Q4_K_M"
    assert puller.pull("hf.co/user/repo:latest").path.read_bytes() == FOUR


def test_an_exact_file_at_a_pinned_revision(puller: Puller, weights: Weights) -> None:
    model = puller.pull(f"hf.co/user/repo@{COMMIT}/m-Q8_0.gguf")
    assert model.path.read_bytes() == EIGHT
    assert weights.hub.count("/revision/") == 0


def test_a_shared_file_is_downloaded_once(puller: Puller, weights: Weights) -> None:
    first = puller.pull("hf.co/user/repo:Q8_0")
    sent = weights.sent
    second = puller.pull("hf.co/user/repo/m-Q8_0.gguf")
    assert second.path == first.path
    assert weights.sent == sent


def test_split_files_get_the_names_that_llama_cpp_wants(puller: Puller, weights: Weights) -> None:
    parts = {f"Q4_K_M/m-Q4_K_M-0000{n}-of-00003.gguf": gguf(99 * KIB, n) for n in (1, 2, 3)}
    weights.add_hub("user/split", {**parts, "Q8_0/m-Q8_0.gguf": EIGHT})
    model = puller.pull("hf.co/user/split:Q4_K_M")
    assert [file.path.name for file in model.files] == [path[7:] for path in parts]
    assert len({file.path.parent for file in model.files}) == 1
    assert [file.path.read_bytes() for file in model.files] == list(parts.values())
    assert puller.pull("hf.co/user/split:Q4_K_M") == model


def test_a_split_model_with_a_missing_part_is_refused(puller: Puller, weights: Weights) -> None:
    weights.add_hub("user/split", {"m-Q4_K_M-00001-of-00002.gguf": FOUR})
    with pytest.raises(RegistryAnswer, match="one part of a split model"):
        puller.pull("hf.co/user/split/m-Q4_K_M-00001-of-00002.gguf")


@pytest.mark.parametrize("choice", ["none", "hf.co/user/repo/mmproj-m-F32.gguf"])
def test_the_projector_can_be_chosen(puller: Puller, choice: str) -> None:
    model = puller.pull("hf.co/user/repo:Q8_0", "--projector", choice)
    found = model.projector.path.read_bytes() if model.projector else None
    assert found == (None if choice == "none" else PRECISE)


def test_another_choice_of_projector_is_noticed_later(puller: Puller) -> None:
    with_one = puller.pull("hf.co/user/repo:Q8_0")
    assert with_one.projector
    assert puller.pull("hf.co/user/repo:Q8_0", "--projector", "none").projector is None
    other = puller.pull("hf.co/user/repo:Q8_0", "--projector", "hf.co/user/repo/mmproj-m-F32.gguf")
    assert other.projector
    assert other.projector.path.read_bytes() == PRECISE


def test_a_local_projector_is_not_downloaded(puller: Puller, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(VISION)
    for _ in range(2):
        model = puller.pull("hf.co/user/repo:Q8_0", "--projector", str(own))
        assert model.projector
        assert model.projector.path == own


def test_a_newer_file_is_found_when_asked(puller: Puller, weights: Weights) -> None:
    old = puller.pull("hf.co/user/repo:Q8_0")
    newer = gguf(500 * KIB, 80)
    weights.add_hub("user/repo", {"m-Q8_0.gguf": newer})
    assert puller.pull("hf.co/user/repo:Q8_0") == old
    assert puller.pull("hf.co/user/repo:Q8_0", refresh=True).path.read_bytes() == newer


def test_a_renamed_repository_is_followed(puller: Puller, weights: Weights) -> None:
    weights.hub.route(
        "GET",
        "/api/models/old/name/revision/main",
        redirect("/api/models/user/repo/revision/main", 307),
    )
    weights.hub.route(
        "GET",
        f"/api/models/old/name/tree/{COMMIT}",
        redirect(f"/api/models/user/repo/tree/{COMMIT}", 307),
    )
    weights.hub.route(
        "GET",
        f"/old/name/resolve/{COMMIT}/m-Q8_0.gguf",
        redirect(f"/user/repo/resolve/{COMMIT}/m-Q8_0.gguf", 307),
    )
    assert puller.pull("hf.co/old/name:Q8_0", "--projector", "none").path.read_bytes() == EIGHT


@pytest.mark.parametrize("flip", [0, 1])
def test_a_small_file_outside_of_lfs_is_verified_by_its_blob_id(
    puller: Puller, weights: Weights, flip: int
) -> None:
    data = gguf(3 * KIB, 5)
    weights.add_hub("user/small", {"m-Q8_0.gguf": data})
    oid = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    entry = {"type": "file", "path": "m-Q8_0.gguf", "size": len(data), "oid": oid}
    weights.hub.fail("/tree/", json([entry]))
    weights.serve(hashlib.sha256(data).hexdigest(), data[:-1] + bytes([data[-1] ^ flip]))
    if flip:
        with pytest.raises(DigestMismatch):
            puller.pull("hf.co/user/small")
    else:
        model = puller.pull("hf.co/user/small")
        assert model.path.read_bytes() == data
        assert model.files[0].sha256 == ""
        assert len(model.digest) == 64


def test_a_token_goes_to_the_hub_and_nowhere_else(puller: Puller, weights: Weights) -> None:
    weights.add_hub("user/gated", {"m-Q8_0.gguf": EIGHT}, token="hf_secret", gated=True)
    puller.pull("hf.co/user/gated", "--hf-token", "hf_secret")
    assert any("authorization" in request.headers for request in weights.hub.requests)
    assert all("authorization" not in request.headers for request in weights.cdn.requests)


@pytest.mark.parametrize("token", [(), ("--hf-token", "hf_other")])
def test_a_gate_is_explained(puller: Puller, weights: Weights, token: tuple[str, ...]) -> None:
    weights.add_hub("user/gated", {"m-Q8_0.gguf": EIGHT}, token="hf_secret", gated=True)
    with pytest.raises(ModelGated, match="gated") as refused:
        puller.pull("hf.co/user/gated:Q8_0", *token)
    assert "https://huggingface.co/user/gated" in refused.value.next_step
    assert ("HF_TOKEN" in refused.value.sentence) is True


def test_a_token_that_is_not_accepted_is_named(puller: Puller, weights: Weights) -> None:
    answer = text(
        "", 401, headers={"X-Error-Message": "Invalid credentials in Authorization header"}
    )
    weights.hub.fail("/api/", answer)
    with pytest.raises(ModelGated, match="does not accept the HF_TOKEN"):
        puller.pull("hf.co/user/repo", "--hf-token", "hf_old")


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("hf.co/user/repo:Q2_K", ModelNotFound, "There are: Q4_K_M, Q8_0"),
        ("hf.co/user/repo/none.gguf", ModelNotFound, "does not exist"),
        ("hf.co/user/repo/README.md", ModelNotFound, "does not exist"),
        ("hf.co/user/none", ModelNotFound, "private"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(
    puller: Puller, weights: Weights, name: str, kind: type[InferenceError], words: str
) -> None:
    weights.hub.route(
        "GET", "/api/models/user/none/.*", json({"error": "Invalid username or password."}, 401)
    )
    with pytest.raises(kind) as refused:
        puller.pull(name)
    assert words in refused.value.sentence
    assert weights.sent == 0


def test_a_repository_without_gguf_is_refused(puller: Puller, weights: Weights) -> None:
    weights.add_hub("user/tensors", {"model.safetensors": b"x"})
    with pytest.raises(Unsupported, match="no GGUF files"):
        puller.pull("hf.co/user/tensors")


def test_an_unknown_revision_is_told(puller: Puller, weights: Weights) -> None:
    answer = text("", 404, headers={"X-Error-Code": "RevisionNotFound"})
    weights.hub.route("GET", "/api/models/user/repo/revision/v9", answer)
    with pytest.raises(ModelNotFound, match="no such revision"):
        puller.pull("hf.co/user/repo@v9")


@pytest.mark.parametrize(
    ("pattern", "answer", "words"),
    [
        ("/revision/", text("<html>Sign in</html>", content_type="text/html"), "not JSON"),
        ("/revision/", json({"sha": "../../etc"}), "no commit"),
        ("/revision/", json(["sha"]), "no commit"),
        ("/tree/", json({"error": "x"}), "no list"),
        ("/tree/", json([{"type": "file", "path": "m.gguf", "size": -1, "oid": "0" * 40}]), "size"),
        (
            "/tree/",
            json([{"type": "file", "path": "m.gguf", "size": 1 << 60, "oid": "0" * 40}]),
            "size",
        ),
        (
            "/tree/",
            json([{"type": "file", "path": "m.gguf", "size": 9, "oid": "../../x"}]),
            "digest",
        ),
        (
            "/tree/",
            json([{"type": "file", "path": "m.gguf", "size": "9", "oid": "0" * 40}]),
            "size",
        ),
        ("/revision/", redirect("https://[", 307), "nowhere"),
        ("/revision/", redirect("file:///etc/passwd", 307), "nowhere"),
        ("/revision/", redirect("/api/models/user/repo/revision/main"), "redirected more than"),
        ("/revision/", text("", 418), "418"),
    ],
)
def test_an_odd_answer_is_refused_in_a_sentence(
    puller: Puller, weights: Weights, pattern: str, answer: Reply, words: str
) -> None:
    weights.hub.fail(pattern, answer)
    with pytest.raises(RegistryAnswer, match=words):
        puller.pull("hf.co/user/repo")


def test_a_busy_hub_is_asked_again(puller: Puller, weights: Weights) -> None:
    weights.hub.rate_limit("/revision/", wait=0, times=2)
    weights.hub.fail("/tree/", text("", 503), times=2)
    weights.hub.drop("/resolve/", times=2)
    assert puller.pull("hf.co/user/repo:Q8_0").path.read_bytes() == EIGHT


def test_a_hub_that_stays_away_is_told(puller: Puller, weights: Weights) -> None:
    weights.hub.drop("")
    with pytest.raises(RegistryUnreachable, match="after 4 attempts"):
        puller.pull("hf.co/user/repo")


def test_a_list_that_goes_on_nowhere_is_refused(puller: Puller, weights: Weights) -> None:
    weights.hub.fail("/tree/", json([], headers={"Link": '<http://[>; rel="next"'}))
    with pytest.raises(RegistryAnswer, match="nowhere that can be followed"):
        puller.pull("hf.co/user/repo")


def test_a_list_without_end_is_refused(puller: Puller, weights: Weights) -> None:
    link = f'<{weights.hub.url}/api/models/user/repo/tree/{COMMIT}>; rel="next"'
    weights.hub.fail("/tree/", json([], headers={"Link": link}))
    with pytest.raises(RegistryAnswer, match="more files than can be listed"):
        puller.pull("hf.co/user/repo")
