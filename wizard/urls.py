"""Addresses of the wizard's pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
