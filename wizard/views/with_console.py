"""What the views that need Akash Console share: the key of one request, and failures in words.

The key comes in a header of each request, goes on to the Console, and is
forgotten with the answer. Nothing here reads or sets a cookie, and a page of
another site cannot send that header, so there is nothing to forge.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from oneclick_site.middleware import CONTENT_SECURITY_POLICY
from wizard.console import errors
from wizard.console.client import Console
from wizard.console.connections import carried_out
from wizard.console.errors import ConsoleError
from wizard.sdl.text import check_text
from wizard.sdl.values import PLACEHOLDERS

Parameters = ParamSpec("Parameters")
Answering = Coroutine[Any, Any, HttpResponse]
View = Callable[Concatenate[HttpRequest, Parameters], Answering]
ConsoleView = Callable[Concatenate[HttpRequest, Console, Parameters], Answering]

HEADER = "X-Console-Key"
_KEY = re.compile(r"[\x21-\x7e]{8,512}\Z")
# A page that watches the endpoint has to ask it: its address is known only later.
_POLICY = CONTENT_SECURITY_POLICY.replace("connect-src 'self'", "connect-src 'self' https:")


def answered_by_console(view: ConsoleView[Parameters]) -> View[Parameters]:
    """Give the view a Console with the request's key, and turn its errors into answers."""

    @wraps(view)
    async def with_console(
        request: HttpRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> HttpResponse:
        answering = _answered(view, request, *args, **kwargs)
        return await (carried_out(answering) if request.method == "POST" else answering)

    return with_console


async def _answered(
    view: ConsoleView[Parameters],
    request: HttpRequest,
    /,
    *args: Parameters.args,
    **kwargs: Parameters.kwargs,
) -> HttpResponse:
    try:
        response = await view(request, Console(_key(request)), *args, **kwargs)
    except ConsoleError as error:
        response = trouble(request, error)
    response["Cache-Control"] = "no-store"
    return response


def trouble(request: HttpRequest, error: ConsoleError) -> HttpResponse:
    """A notice with the way out, or the same as JSON where something was to be changed.

    ``X-Passing`` tells the page to ask again by itself.
    """
    response = _told(error) if request.method == "POST" else _shown(request, error)
    response["X-Told"] = "1"
    if error.is_passing:
        response["X-Passing"] = "1"
    return response


def _told(error: ConsoleError) -> JsonResponse:
    body = {
        "title": error.title,
        "message": str(error),
        "next_step": error.next_step,
        "link": error.link,
    }
    return JsonResponse(body, status=error.status)


def _shown(request: HttpRequest, error: ConsoleError) -> HttpResponse:
    response = render(request, "wizard/_deploy_trouble.html", {"error": error}, status=error.status)
    response["HX-Retarget"] = "#deploy-trouble"
    response["HX-Reswap"] = "innerHTML"
    return response


def watching(response: HttpResponse) -> HttpResponse:
    """Let the page's script ask the endpoint that it has deployed."""
    response["Content-Security-Policy"] = _POLICY
    return response


def posted(request: HttpRequest) -> dict[str, Any]:
    """The request's JSON. Raises FileRefused where it is none."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise errors.FileRefused("The request is not JSON.", "Reload the page and try again.")
    return body


def text_of(body: dict[str, Any], name: str) -> str:
    """A text of the request, or empty. Raises FileRefused for anything else."""
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > settings.MAX_BODY_BYTES:
        raise errors.FileRefused(f"“{name}” is no text.", "Reload the page and try again.")
    return value


def dollars_of(body: dict[str, Any], name: str) -> float:
    """An amount of 0.5 to 1,000 USD. Raises DepositTooLow."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.5 <= value <= 1000:
        raise errors.DepositTooLow("A deposit is between $0.50 and $1,000.")
    return float(value)


async def document_of(sdl: str) -> dict[str, Any]:
    """The file, held against every rule. Raises FileRefused with the first that it breaks."""
    # A long file takes a while to read, and the loop is everybody's.
    document, problems = await asyncio.to_thread(check_text, sdl)
    broken = [problem for problem in problems if problem.is_error]
    if broken or not isinstance(document, dict):
        first = f"{broken[0].path}: {broken[0].sentence} {broken[0].fix}" if broken else ""
        raise errors.FileRefused(first or "The file is empty.")
    if any(placeholder in sdl for placeholder in PLACEHOLDERS):
        raise errors.FileRefused(
            "A secret is missing in the file.",
            "Let the page make a key, and give the Hugging Face token where one is asked for.",
        )
    return document


def _key(request: HttpRequest) -> str:
    key = request.headers.get(HEADER, "").strip()
    if not _KEY.match(key):
        raise errors.KeyRefused("No key came with the request, or one in another form.")
    return key
