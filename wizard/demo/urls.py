"""Addresses of the playground. The demo API's are in `application`, before Django."""

from __future__ import annotations

from django.urls import URLPattern, path

from wizard.demo import page

urlpatterns: list[URLPattern] = [
    path("playground/", page.playground, name="playground"),
    path("playground/deploy", page.deploy, name="playground-deploy"),
]
