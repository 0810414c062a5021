from __future__ import annotations

from django.test import Client

from tests.wizard.pages.conftest import QWEN


def _valid(site: Client) -> str:
    return site.get(f"{QWEN}/deploy.yaml").content.decode()


def test_it_works(site: Client) -> None:
    answer = site.post("/check/", {"sdl": _valid(site)})
    assert answer.status_code == 200
    assert "Valid: no rule is broken" in answer.content.decode()


def test_the_empty_page_has_the_form(site: Client) -> None:
    text = site.get("/check/").content.decode()
    assert '<form class="stack" method="post" action="/check/"' in text
    assert "Nothing checked yet" in text


def test_a_broken_rule_is_named_with_its_fix(site: Client) -> None:
    broken = _valid(site).replace('version: "2.0"', "version: 2.0")
    text = site.post("/check/", {"sdl": broken}).content.decode()
    assert "1 problem that Akash would refuse" in text
    assert "with the quotes" in text


def test_markup_in_a_pasted_text_stays_text(site: Client) -> None:
    text = site.post("/check/", {"sdl": "</textarea><script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in text


def test_htmx_gets_the_problems_alone(site: Client) -> None:
    answer = site.post("/check/", {"sdl": "a: ["}, headers={"HX-Request": "true"})
    assert "<html" not in answer.content.decode()
    assert "This is not YAML" in answer.content.decode()


def test_the_api_answers_in_json_without_a_cookie(site: Client) -> None:
    answer = site.post("/api/check", _valid(site), content_type="application/yaml")
    assert answer.json() == {"valid": True, "problems": []}
    assert not answer.cookies


def test_the_api_lists_problems(site: Client) -> None:
    body = site.post("/api/check", "services: {}", content_type="application/yaml").json()
    assert body["valid"] is False
    assert {"path", "sentence", "fix", "rule", "is_error"} == set(body["problems"][0])


def test_the_api_refuses_an_empty_text(site: Client) -> None:
    body = site.post("/api/check", "  ", content_type="application/yaml").json()
    assert body["problems"][0]["rule"] == "empty"


def test_the_api_refuses_what_is_no_text(site: Client) -> None:
    body = site.post("/api/check", b"\xff\xfe\x00", content_type="application/yaml").json()
    assert body["problems"][0]["rule"] == "encoding"


def test_the_api_is_for_posting(site: Client) -> None:
    assert site.get("/api/check").status_code == 405
