"""The help page, the badge, and the API's own description."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from wizard.openapi.document import document


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "wizard/docs.html", {"section": "docs"})


@require_safe
@cache_control(public=True, max_age=86_400)
def badge(request: HttpRequest) -> HttpResponse:
    """“Deploy with OneClickLLM”, to be shown on other sites."""
    response = render(request, "wizard/badge.svg", content_type="image/svg+xml")
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_safe
@cache_control(public=True, max_age=3600)
def openapi_json(request: HttpRequest) -> JsonResponse:
    """OpenAPI 3.1 of a model's files."""
    return JsonResponse(document(), json_dumps_params={"ensure_ascii": False})
