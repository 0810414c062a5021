"""Any SDL against every rule: a page, and the same for programs."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from wizard.sdl.text import check_text
from wizard.sdl.values import Problem

_NOT_UTF8 = Problem("", "This is not text in UTF-8.", "Save the file as UTF-8.", "encoding")


def _checked(text: str) -> list[Problem]:
    if not text.strip():
        return [Problem("", "There is nothing to check.", "Paste a deploy.yaml.", "empty")]
    return check_text(text)[1]


# No cookie is read or set anywhere, so a cross-site post has nobody's name on it.
@require_http_methods(["GET", "HEAD", "POST"])
def check_page(request: HttpRequest) -> HttpResponse:
    """The form, and with a text in it the problems. Works as a plain form."""
    is_posted = request.method == "POST"
    text = request.POST.get("sdl", "") if is_posted else ""
    problems = _checked(text) if is_posted else []
    context = {
        "text": text,
        "is_checked": is_posted,
        "errors": [problem for problem in problems if problem.is_error],
        "hints": [problem for problem in problems if not problem.is_error],
        "section": "check",
    }
    is_partial = bool(getattr(request, "htmx", False))
    name = "wizard/_problems.html" if is_partial else "wizard/check.html"
    return render(request, name, context)


@require_POST
def check_api(request: HttpRequest) -> JsonResponse:
    """The body is the SDL's text; the answer lists its problems."""
    try:
        problems = _checked(request.body.decode())
    except UnicodeDecodeError:
        problems = [_NOT_UTF8]
    body = {
        "valid": not any(problem.is_error for problem in problems),
        "problems": [_written(problem) for problem in problems],
    }
    response = JsonResponse(body, json_dumps_params={"ensure_ascii": False})
    response["Cache-Control"] = "no-store"
    return response


def _written(problem: Problem) -> dict[str, object]:
    return {
        "path": problem.path,
        "sentence": problem.sentence,
        "fix": problem.fix,
        "rule": problem.rule,
        "is_error": problem.is_error,
    }
