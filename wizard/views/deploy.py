"""Pages of the fast lane: deploy a plan, follow a deployment, and the list of one's own.

The pages hold nothing of an account. Their script has the Console's key, and
asks the addresses of `wizard.views.deployments` with it.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from wizard.console.bids import SETTLING_SECONDS
from wizard.console.changes import running
from wizard.forms import to_query
from wizard.planning.engines import TITLES
from wizard.registry.values import ModelRef
from wizard.sdl.pricing import LEAST_DEPOSIT, first_deposit
from wizard.sdl.snippets import snippets
from wizard.sdl.values import Engine, Plan, Secrets
from wizard.views.addresses import model_address, named_ref
from wizard.views.failures import answered
from wizard.views.files import sdl_for
from wizard.views.home import SOURCE_NAMES
from wizard.views.model import registry_link
from wizard.views.situation import plan_for
from wizard.views.with_console import watching

# The page's own parameters, beside those of the plan.
_OWN = ("dseq",)


@require_safe
@never_cache
@answered
def deploy_page(request: HttpRequest, /, **named: str) -> HttpResponse:
    ref = named_ref(**named)
    query = request.GET.copy()
    dseq = "".join(char for char in query.get("dseq", "") if char in "0123456789")[:20]
    for name in _OWN:
        query.pop(name, None)
    found = plan_for(ref, query)
    # A plan without a file has nothing to deploy: `answered` says why.
    document = sdl_for(found.plan, Secrets())
    kept = to_query(found.choices)
    context = {
        "dseq": dseq,
        "runs": running(document),
        **_settings(),
        **_facts(found.plan),
        **_links(ref, kept),
    }
    return watching(render(request, "wizard/deploy.html", context))


@require_safe
@never_cache
def deployments(request: HttpRequest) -> HttpResponse:
    """One's own deployments; the script fetches them."""
    context = {"section": "deployments", "is_offline": settings.OFFLINE}
    return render(request, "wizard/deployments.html", context)


@require_safe
@never_cache
def deployment(request: HttpRequest, dseq: int) -> HttpResponse:
    """A deployment by its number alone, as the list links to it."""
    context = {"section": "deployments", "dseq": str(dseq), **_settings()}
    return watching(render(request, "wizard/deploy.html", context))


def _settings() -> dict[str, Any]:
    return {
        "deposit": LEAST_DEPOSIT,
        "settling": SETTLING_SECONDS,
        "is_offline": settings.OFFLINE,
        "console_url": settings.CONSOLE_API_URL,
    }


def _facts(plan: Plan) -> dict[str, Any]:
    price = plan.usd_per_hour
    deposit = first_deposit(price)
    return {
        "plan": plan,
        "model": plan.model,
        "section": "models",
        "source": SOURCE_NAMES[plan.ref.source],
        "registry_link": registry_link(plan.ref),
        "engine_title": TITLES[plan.engine],
        "is_hash_enough": plan.engine is Engine.RUNTIME,
        "wants_token": plan.model.is_gated,
        "snippets": snippets(plan),
        "deposit": deposit,
        "hours": deposit / price if price else None,
        "is_trial_blocked": all(o.gpu and o.gpu.trial_blocked for o in plan.chosen)
        and bool(plan.chosen),
    }


def _links(ref: ModelRef, query: str) -> dict[str, Any]:
    tail = f"?{query}" if query else ""
    return {
        "query": query,
        "model_link": model_address(ref),
        "configure": model_address(ref, "configure/") + tail,
        "yaml_link": model_address(ref, "deploy.yaml") + tail,
        "screening_link": model_address(ref, "screening") + tail,
        "deploy_link": model_address(ref, "deploy/") + tail,
    }
