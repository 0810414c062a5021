"""What every request passes: headers that lock the pages down, and the access log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from oneclick_site.callers import caller
from oneclick_site.logs import hashed

logger = logging.getLogger("oneclick.access")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

# Django gives either kind and asks for the same kind back.
GetResponse = Callable[[HttpRequest], Any]


@sync_and_async_middleware
def security_headers(get_response: GetResponse) -> GetResponse:
    """Put `HEADERS` on every answer that has not set its own."""
    return _around(get_response, lambda _request, response, _seconds: _add_headers(response))


@sync_and_async_middleware
def access_log(get_response: GetResponse) -> GetResponse:
    """One line a request: method, path without its query, status, milliseconds."""
    return _around(get_response, _log)


def _around(
    get_response: GetResponse, after: Callable[[HttpRequest, HttpResponseBase, float], None]
) -> GetResponse:
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponseBase:
            started = time.perf_counter()
            response: HttpResponseBase = await get_response(request)
            after(request, response, time.perf_counter() - started)
            return response

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        response: HttpResponseBase = get_response(request)
        after(request, response, time.perf_counter() - started)
        return response

    return synchronous


def _add_headers(response: HttpResponseBase) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _log(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    peer, forwarded = (
        request.META.get("REMOTE_ADDR", ""),
        request.headers.get("X-Forwarded-For", ""),
    )
    fields = {
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "ms": round(seconds * 1000, 1),
        "caller": hashed(caller(peer, forwarded, settings.TRUSTED_PROXIES)),
    }
    # Asked by health checks for as long as the site runs.
    level = logging.DEBUG if request.path == "/healthz" else logging.INFO
    logger.log(level, "request", extra={"fields": fields})
