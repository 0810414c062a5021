"""Addresses of the wizard's pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from wizard.views import (
    check,
    configure,
    deploy,
    deployments,
    files,
    help,  # noqa: A004 - the page's name
    home,
    model,
    screening,
)

View = Callable[..., Any]


def _model_paths(page: str, view: View) -> list[URLPattern]:
    return [
        path(f"models/hf/<str:user>/<str:repo>/{page}", view),
        path(f"models/ollama/<str:name>/{page}", view),
        path(f"models/ollama/<str:namespace>/<str:name>/{page}", view),
    ]


urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("check/", check.check_page, name="check"),
    path("docs/", help.docs, name="docs"),
    path("badge.svg", help.badge, name="badge"),
    path("api/check", check.check_api, name="check-api"),
    path("api/openapi.json", help.openapi_json, name="openapi"),
    path("deployments/", deploy.deployments, name="deployments"),
    path("deployments/list", deployments.listed),
    path("deployments/create", deployments.create),
    path("deployments/<int:dseq>/", deploy.deployment, name="deployment"),
    path("deployments/<int:dseq>/progress", deployments.followed),
    path("deployments/<int:dseq>/lease", deployments.lease),
    path("deployments/<int:dseq>/close", deployments.close),
    path("deployments/<int:dseq>/deposit", deployments.deposit),
    path("deployments/<int:dseq>/update", deployments.update),
    path("deployments/<int:dseq>/logs", deployments.provider_logs),
    *_model_paths("deploy.yaml", files.deploy_yaml),
    *_model_paths("docker-compose.yaml", files.compose_yaml),
    *_model_paths("plan.json", files.plan_json),
    # Before the model's own page: “configure” would read as a model in a namespace.
    *_model_paths("deploy/", deploy.deploy_page),
    *_model_paths("screening", screening.plan_hosts),
    *_model_paths("screening/<int:number>", screening.card_hosts),
    *_model_paths("configure/", configure.configure_page),
    *_model_paths("", model.model_page),
]
