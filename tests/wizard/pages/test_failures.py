from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from wizard.planning import ChoiceError
from wizard.registry import errors
from wizard.sdl.errors import SdlError
from wizard.views.failures import UnservableError, answered

PAGE, FILE, DATA = "/models/hf/a/b/", "/models/hf/a/b/deploy.yaml", "/models/hf/a/b/plan.json"
FAILURES: tuple[tuple[Exception, int], ...] = (
    (errors.RegistryError("Odd."), 502),
    (errors.InvalidName("Odd."), 400),
    (errors.ModelNotFound("Odd."), 404),
    (errors.VariantNotFound("Odd."), 404),
    (errors.ModelPrivate("Odd."), 404),
    (errors.ModelGated("Odd."), 403),
    (errors.CloudOnly("Odd."), 422),
    (errors.MlxOnly("Odd."), 422),
    (errors.NothingToServe("Odd."), 422),
    (errors.UnsupportedArchitecture("Odd."), 422),
    (errors.RateLimited("Odd.", retry_after=7), 503),
    (errors.RegistryTimeout("Odd."), 504),
    (errors.RegistryDown("Odd."), 503),
    (errors.UnreadableHeader("Odd."), 422),
    (ChoiceError("slots", "Odd."), 400),
    (SdlError("Odd."), 400),
    (UnservableError(("Odd.",)), 422),
)


def _answer(error: Exception, path: str, query: str = "") -> HttpResponse:
    def failing(request: HttpRequest) -> HttpResponse:
        raise error

    response = answered(failing)(RequestFactory().get(path + query))
    assert isinstance(response, HttpResponse)
    return response


@pytest.mark.parametrize(("error", "status"), FAILURES)
def test_it_works(error: Exception, status: int) -> None:
    response = _answer(error, PAGE)
    text = response.content.decode()
    assert response.status_code == status
    assert "Odd." in text
    assert "<title>" in text
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("error", "status"), FAILURES)
def test_a_file_fails_in_plain_text(error: Exception, status: int) -> None:
    response = _answer(error, FILE)
    assert response.status_code == status
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response.content.decode().startswith("Odd.\n")


@pytest.mark.parametrize(("error", "status"), FAILURES)
def test_data_fails_in_json(error: Exception, status: int) -> None:
    response = _answer(error, DATA)
    assert response.status_code == status
    assert b'"error": "Odd."' in response.content


def test_a_rate_limit_says_when_to_come_back() -> None:
    assert _answer(errors.RateLimited("Odd.", retry_after=7), FILE)["Retry-After"] == "7"


def test_text_says_when_to_come_back_too() -> None:
    text = _answer(errors.RateLimited("Odd.", retry_after=1), FILE).content.decode()
    assert text.splitlines()[1] == "It can be asked again in 1 second."


def test_what_may_pass_can_be_tried_again_with_its_choices() -> None:
    text = _answer(errors.RegistryDown("Odd."), PAGE, "?context=4096&slots=2").content.decode()
    assert f'href="{PAGE}?context=4096&amp;slots=2">Try again</a>' in text
    assert "Try again</a>" not in _answer(errors.ModelNotFound("Odd."), PAGE).content.decode()


def test_conversions_are_linked() -> None:
    error = errors.NothingToServe("Odd.", conversions=("unsloth/b-GGUF",))
    assert b'href="/models/hf/unsloth/b-GGUF/"' in _answer(error, PAGE).content


def test_a_link_elsewhere_is_shown() -> None:
    error = errors.ModelGated("Odd.", link="https://huggingface.co/a/b")
    assert b'href="https://huggingface.co/a/b"' in _answer(error, PAGE).content


def test_markup_in_a_message_stays_text() -> None:
    assert b"<script>alert" not in _answer(errors.ModelNotFound("<script>alert(1)"), PAGE).content


@pytest.mark.parametrize("page", ["", "configure/", "deploy.yaml", "plan.json"])
def test_a_renamed_model_is_followed_with_its_choices(page: str) -> None:
    error = errors.ModelRenamed("Moved.", new_repo="new/name")
    response = _answer(error, f"/models/hf/a/b/{page}", "?context=4096")
    assert response.status_code == 301
    assert response["Location"] == f"/models/hf/new/name/{page}?context=4096"


def test_another_exception_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        _answer(ZeroDivisionError(), PAGE)


def test_htmx_gets_a_notice_that_replaces_nothing(site: Client) -> None:
    answer = site.get("/models/ollama/no-such-model/configure/", headers={"HX-Request": "true"})
    text = answer.content.decode()
    assert answer.status_code == 404
    assert answer["HX-Retarget"] == "#trouble"
    assert answer["HX-Reswap"] == "innerHTML"
    assert 'role="alert"' in text
    assert "no-such-model" in text
    assert "<h1>" not in text


def test_a_notice_tells_once_when_to_try_again() -> None:
    def failing(request: HttpRequest) -> HttpResponse:
        raise errors.RegistryDown("Odd.", retry_after=45)

    request = RequestFactory().get(PAGE)
    vars(request)["htmx"] = True  # as django-htmx's middleware does
    text = answered(failing)(request).getvalue().decode()
    assert text.count("Try again") == 1
    assert "Try again in 45 seconds." in text


@pytest.mark.parametrize(
    ("path", "way"),
    [
        ("/models/hf/nobody/no-such/", 'href="/?q=no-such">Search for “no-such”'),
        ("/models/ollama/nobody/no-such:7b/", 'href="/?q=no-such">Search for “no-such”'),
        ("/models/hf/Qwen/Qwen3-8B-GGUF:Q99/", 'href="/models/hf/Qwen/Qwen3-8B-GGUF/">See its'),
        ("/models/ollama/qwen3:cloud/", 'href="/models/ollama/qwen3/">See its variants'),
        ("/models/ollama/qwen3/configure/?variant=no", 'href="/models/ollama/qwen3/">See its'),
    ],
)
def test_a_failure_shows_a_way_on_from_what_was_asked_for(
    site: Client, path: str, way: str
) -> None:
    answer = site.get(path)
    assert answer.status_code in (400, 404, 422)
    assert way in answer.content.decode()
