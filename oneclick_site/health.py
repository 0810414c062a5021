"""`/healthz`: whether this process can serve, for load balancers and probes."""

from __future__ import annotations

from django.core.cache import cache
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from oneclick_site import __version__


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 with the version, also where the cache is out of reach.

    Every process would tell so at once, and a load balancer that then takes
    all of them away would take down a site that still answers.
    """
    cache.set("healthz", __version__, 60)
    is_cached = not getattr(cache, "is_away", False)
    body = {
        "status": "ok" if is_cached else "cache out of reach",
        "version": __version__,
        "cache": is_cached,
    }
    return JsonResponse(body)
