"""A model's files: deploy.yaml, docker-compose.yaml and plan.json."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from wizard.forms import read_choices, read_key_hash, to_query
from wizard.plan_json import plan_document
from wizard.sdl import compose, document, rules
from wizard.sdl.values import Engine, Plan, Secrets
from wizard.sdl.writer import to_yaml
from wizard.views.addresses import model_address, named_ref
from wizard.views.failures import UnservableError, answered
from wizard.views.situation import plan_for

KEY_PREFIX = "ocl_"
# Where Akash Console takes a file.
IMPORT_PAGE = "https://console.akash.network/new-deployment?step=edit-deployment"


def new_key() -> str:
    """An API key of 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def sdl_for(plan: Plan, kept: Secrets) -> dict[str, object]:
    """The document, held against every rule. Raises UnservableError and SdlError."""
    if plan.problems:
        raise UnservableError(plan.problems)
    built = document.build(plan, kept)
    broken = [problem for problem in rules.check(built) if problem.is_error]
    if broken:
        raise UnservableError(tuple(f"{item.path}: {item.sentence} {item.fix}" for item in broken))
    return built


def comments_for(plan: Plan, key: str = "") -> list[str]:
    """The header's lines: what it is, how to use it, and a key made for this file."""
    lines = [
        f"{plan.model.title} ({plan.variant.name}) on Akash, by OneClickLLM",
        f"{plan.context:,} tokens of context, {plan.slots} requests at the same time",
        f"Import it at {IMPORT_PAGE}",
    ]
    if key:
        lines += [
            f"API key: {key}",
            "It was made for this file alone and is kept nowhere else: store it, then delete "
            "these two lines.",
        ]
    return lines


def _secrets(request: HttpRequest, engine: Engine) -> tuple[Secrets, str]:
    """What goes into the file, and the key to tell the caller, if it was made here."""
    given = read_key_hash(request.GET)
    if given:
        return Secrets(api_key_sha256=given), ""
    key = new_key()
    digest = hashlib.sha256(key.encode()).hexdigest()
    is_ours = engine is Engine.RUNTIME
    return Secrets(api_key_sha256=digest, api_key="" if is_ours else key), key


def _yaml(name: str, text: str) -> HttpResponse:
    response = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_safe
@never_cache
@answered
def deploy_yaml(request: HttpRequest, /, **named: str) -> HttpResponse:
    plan = plan_for(named_ref(**named), request.GET).plan
    kept, key = _secrets(request, plan.engine)
    return _yaml("deploy.yaml", to_yaml(sdl_for(plan, kept), comments_for(plan, key)))


@require_safe
@never_cache
@answered
def compose_yaml(request: HttpRequest, /, **named: str) -> HttpResponse:
    plan = plan_for(named_ref(**named), request.GET).plan
    kept, key = _secrets(request, plan.engine)
    sdl_for(plan, kept)
    built: Mapping[str, object] = compose.build(plan, kept)
    lines = comments_for(plan, key)
    lines[0] = lines[0].replace("on Akash", "with Docker Compose")
    lines[2] = "Start it: docker compose up -d; it answers on http://127.0.0.1:8080"
    if plan.replicas > 1:
        lines.append(f"One copy: the {plan.replicas} replicas of this plan are Akash's to run.")
    return _yaml("docker-compose.yaml", to_yaml(built, lines))


@require_safe
@never_cache
@answered
def plan_json(request: HttpRequest, /, **named: str) -> HttpResponse:
    ref = named_ref(**named)
    read_key_hash(request.GET)
    found = plan_for(ref, request.GET)
    query = to_query(read_choices(request.GET))
    links = {
        name: request.build_absolute_uri(model_address(ref, path) + (f"?{query}" if query else ""))
        for name, path in (
            ("page", "configure/"),
            ("deploy_yaml", "deploy.yaml"),
            ("docker_compose_yaml", "docker-compose.yaml"),
        )
    }
    options = {"indent": 2, "ensure_ascii": False}
    return JsonResponse(plan_document(found.plan, links), json_dumps_params=options)
