"""Every failure as an answer: a page for people, text or JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import wraps
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec
from urllib.parse import quote, urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers

from wizard.planning import ChoiceError
from wizard.registry.errors import (
    CloudOnly,
    MlxOnly,
    ModelNotFound,
    ModelPrivate,
    ModelRenamed,
    NothingToServe,
    RegistryError,
    VariantNotFound,
)
from wizard.registry.values import Source
from wizard.sdl.errors import SdlError
from wizard.views.addresses import page_after_rename

Parameters = ParamSpec("Parameters")
View = Callable[Concatenate[HttpRequest, Parameters], HttpResponseBase]
AsyncView = Callable[Concatenate[HttpRequest, Parameters], Coroutine[Any, Any, HttpResponseBase]]


@dataclass(frozen=True)
class Failure:
    """What went wrong, in words, and what to do next."""

    status: int
    title: str
    message: str
    next_step: str = ""
    link: str = ""
    conversions: tuple[str, ...] = ()
    retry_after: int | None = None
    ways: tuple[tuple[str, str], ...] = ()

    @property
    def when(self) -> str:
        """When to ask again; nothing where that is not known, or told already."""
        if self.retry_after is None or f"{self.retry_after} second" in self.message:
            return ""
        seconds = f"{self.retry_after} second{'' if self.retry_after == 1 else 's'}"
        return f"It can be asked again in {seconds}."


class UnservableError(Exception):
    """A plan whose file would not work: the sentences that say why."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


# What a view may raise.
OWN = (RegistryError, ChoiceError, SdlError, UnservableError)
_CHOICE = Failure(
    400, "That choice cannot be used", "", "Change it, or leave it away: each has a default."
)
_SEARCH = Failure(400, "That search cannot be read", "")
_UNSERVABLE = Failure(422, "This plan makes no working file", "", "Change the choices named above.")


def answered(view: View[Parameters]) -> View[Parameters]:
    """Turn this site's own exceptions into answers in the form that was asked for."""

    @wraps(view)
    def with_answers(
        request: HttpRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except OWN as error:
            return _instead(request, error)

    return with_answers


def answered_async(view: AsyncView[Parameters]) -> AsyncView[Parameters]:
    """As `answered`, for a view that waits."""

    @wraps(view)
    async def with_answers(
        request: HttpRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> HttpResponseBase:
        try:
            return await view(request, *args, **kwargs)
        except OWN as error:
            return _instead(request, error)

    return with_answers


def _instead(request: HttpRequest, error: Exception) -> HttpResponseBase:
    if isinstance(error, ModelRenamed):
        return redirect(page_after_rename(request, error.new_repo), permanent=True)
    return answer(request, replace(failure_of(error), ways=_ways(request, error)))


def failure_of(error: Exception) -> Failure:
    """The failure behind one of this site's own exceptions."""
    if isinstance(error, RegistryError):
        conversions = error.conversions if isinstance(error, NothingToServe) else ()
        return Failure(
            error.status,
            error.title,
            str(error),
            error.next_step,
            error.link,
            conversions,
            error.retry_after,
        )
    kind = _UNSERVABLE if isinstance(error, UnservableError) else _CHOICE
    if isinstance(error, ChoiceError) and error.field == "q":
        kind = _SEARCH
    return Failure(kind.status, kind.title, str(error), kind.next_step)


def _ways(request: HttpRequest, error: Exception) -> tuple[tuple[str, str], ...]:
    """Links out of a failure, each with its words: from what the address names."""
    if isinstance(error, RegistryError) and error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return (("Try again", request.get_full_path()),)
    named = request.resolver_match.kwargs if request.resolver_match else {}
    name, _, tag = str(named.get("repo") or named.get("name") or "").partition(":")
    if name and isinstance(error, ModelNotFound | ModelPrivate):
        words = name.partition("@")[0][:80]
        return ((f"Search for “{words}”", f"/?{urlencode({'q': words})}"),)
    is_one_of_several = isinstance(error, VariantNotFound | CloudOnly | MlxOnly)
    if name and is_one_of_several and (tag or "variant" in request.GET):
        place = [named["user"]] if "user" in named else filter(None, [named.get("namespace")])
        source = Source.HUGGING_FACE if "user" in named else Source.OLLAMA
        address = "/".join(["/models", source.value, *place, name, ""])
        return (("See its variants", quote(address)),)
    return ()


def answer(request: HttpRequest, failure: Failure) -> HttpResponse:
    """The failure as a page, as plain text for files, as JSON for ``.json`` and ``/api/``."""
    response = _in_form(request, failure)
    response["Cache-Control"] = "no-store"
    if failure.retry_after is not None:
        response["Retry-After"] = str(failure.retry_after)
    return response


def _in_form(request: HttpRequest, failure: Failure) -> HttpResponse:
    if request.path.endswith(".json") or request.path.startswith("/api/"):
        body: dict[str, Any] = {
            "error": failure.message,
            "title": failure.title,
            "next_step": failure.next_step,
            "conversions": list(failure.conversions),
        }
        return JsonResponse(body, status=failure.status)
    if request.path.endswith((".yaml", ".svg")):
        lines = (failure.message, failure.when, failure.next_step)
        text = "\n".join(line for line in lines if line)
        return HttpResponse(
            f"{text}\n", status=failure.status, content_type="text/plain; charset=utf-8"
        )
    is_partial = bool(getattr(request, "htmx", False))
    name = "wizard/_trouble.html" if is_partial else "wizard/failure.html"
    response = render(request, name, {"failure": failure}, status=failure.status)
    patch_vary_headers(response, ["HX-Request"])
    if is_partial:
        # What a person has chosen stays on the page: only a notice comes beside it.
        response["HX-Retarget"] = "#trouble"
        response["HX-Reswap"] = "innerHTML"
    return response
