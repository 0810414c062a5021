"""The playground's page, and the way from a demo model into the wizard."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_safe
from limits import parse_many

from wizard.demo import embedded
from wizard.demo.fields import LONGEST_NAME, MOST_MESSAGES

LANGUAGES = {
    "curl": "curl",
    "openai": "OpenAI Python",
    "ollama": "Ollama Python",
    "javascript": "JavaScript",
}
# Named at once, so that the browser need not find them one import after the other.
MODULES = tuple(
    f"js/playground/{file.name}"
    for file in sorted((settings.BASE_DIR / "static" / "js" / "playground").glob("*.js"))
)
# What the tiny embedded model knows as well as a large one.
STARTERS = (
    "What is the Akash Network?",
    "How do I deploy a model?",
    "What is quantisation?",
    "Tell me a joke",
)
# As every page's policy, but for where this page's script may connect to: a
# person's own endpoint is asked by the browser itself, so that neither its key
# nor what is said ever reaches this site. Any https address may be one; plain
# http only on the person's own machine, where nobody reads along.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self' https: http://localhost:* http://127.0.0.1:*; "
    "img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


@require_safe
def playground(request: HttpRequest) -> HttpResponse:
    """The chat. Without JavaScript: what it needs, and how to ask by curl."""
    offers = [offer for upstream in settings.DEMO_UPSTREAMS for offer in upstream.offers]
    context = {
        "section": "playground",
        "limits": settings.DEMO_LIMITS,
        "most_messages": MOST_MESSAGES,
        "rate": _rate_in_words(settings.DEMO_LIMITS.rates),
        "languages": LANGUAGES,
        "modules": MODULES,
        "starters": STARTERS,
        "is_embedded": settings.DEMO_EMBEDDED,
        "undeployable": embedded.NAME,
        "address": f"{request.scheme}://{request.get_host()}",
        "example_model": offers[0].alias if offers else embedded.NAME,
    }
    response = render(request, "wizard/playground.html", context)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


@require_safe
def deploy(request: HttpRequest) -> HttpResponse:
    """To the wizard with the model that an alias stands for; it resolves names itself."""
    alias = request.GET.get("model", "")[:LONGEST_NAME]
    if not alias or alias == embedded.NAME:
        return HttpResponseRedirect("/")
    return HttpResponseRedirect(f"/?{urlencode({'q': _model_of(alias)})}")


def _model_of(alias: str) -> str:
    """The model's name at its upstream, which is its name in a registry."""
    for upstream in settings.DEMO_UPSTREAMS:
        for offer in upstream.offers:
            if offer.alias == alias:
                return offer.model
    return alias


def _rate_in_words(rates: str) -> str:
    """``20/minute;500/day`` as ``20 messages a minute``: the first is the one that is felt."""
    rate = parse_many(rates)[0]
    name = rate.GRANULARITY.name
    often = f"{rate.multiples} {name}s" if rate.multiples > 1 else _a(name)
    return f"{rate.amount:,} messages {'in ' if rate.multiples > 1 else ''}{often}"


def _a(word: str) -> str:
    return f"an {word}" if word == "hour" else f"a {word}"
