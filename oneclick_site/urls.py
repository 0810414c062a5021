from django.urls import include, path

from oneclick_site.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("", include("wizard.demo.urls")),
    path("", include("wizard.urls")),
]
