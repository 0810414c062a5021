"""Settings. The site runs with none of them set; `TABLE` is what can be set."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from oneclick_site import environment as env
from oneclick_site.environment import Setting
from oneclick_site.fingerprint import fingerprint
from wizard.demo import configuration
from wizard.demo.values import Limits, Upstream

BASE_DIR = Path(__file__).resolve().parent.parent

TABLE = (
    Setting("DEBUG", env.boolean, "0", "Django's debug pages; never on a public host."),
    Setting("SECRET_KEY", str, "", "Django's secret; made anew at each start when empty.", True),
    Setting("ALLOWED_HOSTS", env.words, "*", "Host names that the site answers to."),
    Setting("LOG_LEVEL", env.level, "INFO", "DEBUG, INFO, WARNING or ERROR; JSON lines."),
    Setting(
        "TRUSTED_PROXIES",
        env.count,
        "0",
        "How many proxies in front add to `X-Forwarded-For`.",
    ),
    Setting("MAX_BODY_BYTES", env.size, "2097152", "Largest request body, in bytes."),
    Setting(
        "CACHE_URL",
        env.cache_url,
        "",
        "`redis://…` shared by all workers; a folder on this machine when empty.",
        True,
    ),
    Setting("CACHE_DIR", str, "", "Folder of the file cache; `var/cache` when empty."),
    Setting("STATIC_DIR", str, "", "Folder that `collectstatic` fills; `var/static` when empty."),
    Setting("OFFLINE", env.boolean, "0", "Ask nothing outside: the bundled catalogue only."),
    Setting("HUGGING_FACE_URL", env.url, "https://huggingface.co", "The Hugging Face Hub."),
    Setting("HUGGING_FACE_TOKEN", str, "", "The site's own read token, for a larger quota.", True),
    Setting("OLLAMA_URL", env.url, "https://ollama.com", "The Ollama library's pages."),
    Setting(
        "OLLAMA_REGISTRY_URL", env.url, "https://registry.ollama.ai", "The Ollama model registry."
    ),
    Setting(
        "CONSOLE_API_URL",
        env.url,
        "https://console-api.akash.network",
        "Akash Console's API: GPU prices, who can host a file, deployments.",
    ),
    Setting("REGISTRY_TIMEOUT", env.seconds, "6", "Longest wait for a registry, in seconds."),
    Setting(
        "RUNTIME_IMAGE",
        env.image,
        "ghcr.io/oneclickllm/runtime:1.0.0",
        "Image of our runtime that the SDL names.",
    ),
    Setting(
        "RUNTIME_CPU_IMAGE",
        env.image,
        "ghcr.io/oneclickllm/runtime:1.0.0-cpu",
        "The same without CUDA, for plans without a card.",
    ),
    Setting("VLLM_IMAGE", env.image, "vllm/vllm-openai:v0.33.0", "Image of vLLM."),
    Setting("OLLAMA_IMAGE", env.image, "ollama/ollama:0.40.16", "Image of Ollama."),
    Setting(
        "LLAMA_SERVER_IMAGE",
        env.image,
        "ghcr.io/ggml-org/llama.cpp:server-cuda-b11549",
        "Image of llama-server.",
    ),
    Setting(
        "LLAMA_SERVER_CPU_IMAGE",
        env.image,
        "ghcr.io/ggml-org/llama.cpp:server-b11549",
        "The same without CUDA, for plans without a card.",
    ),
    Setting(
        "GATEWAY_IMAGE",
        env.image,
        "caddy:2.11.4-alpine",
        "Image that checks the key in front of Ollama.",
    ),
    Setting(
        "CHECK_IMAGES", env.boolean, "1", "Ask the container registries whether the images exist."
    ),
    Setting(
        "IMAGE_REGISTRY_URLS",
        env.host_urls,
        "",
        "`host=https://base,…`: ask a container registry elsewhere.",
    ),
    Setting("SDL_DENOM", str, "uact", "The denomination that an SDL's prices are in."),
    Setting(
        "DEMO_UPSTREAMS",
        configuration.upstreams,
        "",
        "What answers the demo, in YAML or JSON: [docs/demo.md](docs/demo.md).",
        True,
    ),
    Setting(
        "DEMO_EMBEDDED",
        env.boolean,
        "1",
        "Start the tiny demo model beside the site where no upstream is named.",
    ),
    Setting(
        "DEMO_RATE",
        configuration.rates,
        "30/minute;1000/day",
        "Requests to the demo from one address (IPv6: from one /64).",
    ),
    Setting(
        "DEMO_GLOBAL_RATE", configuration.rates, "600/minute", "Requests to the demo from all."
    ),
    Setting(
        "DEMO_STREAMS_PER_ADDRESS",
        env.whole(1, 1000),
        "2",
        "Answers of the demo to one address at the same time.",
    ),
    Setting(
        "DEMO_STREAMS",
        env.whole(1, 10_000),
        "16",
        "Answers of the demo at the same time, in each worker.",
    ),
    Setting("DEMO_QUEUE", env.whole(0, 10_000), "32", "Requests that may wait, in each worker."),
    Setting(
        "DEMO_DEADLINE",
        env.whole(1, 3600),
        "120",
        "Seconds that an answer of the demo may take, its wait included.",
    ),
    Setting(
        "DEMO_HEARTBEAT",
        env.whole(0, 3600),
        "15",
        "Seconds of silence after which an answer sends a sign of life; 0: never.",
    ),
    Setting(
        "DEMO_TOKENS_PER_DAY",
        env.whole(1, 10**12),
        "2000000",
        "Tokens, read and written, that the demo spends in a day.",
    ),
    Setting("DEMO_MAX_TOKENS", env.whole(1, 10**6), "1024", "Longest answer, in tokens."),
    Setting(
        "DEMO_MAX_PROMPT", env.whole(100, 10**7), "32000", "Longest prompt or chat, in characters."
    ),
    Setting("DEMO_MAX_IMAGES", env.whole(0, 64), "4", "Images in a request to the demo."),
    Setting("DEMO_MAX_IMAGE_BYTES", env.size, "2097152", "Largest image, in bytes."),
)

_values = {setting.name: env.read(setting, os.environ) for setting in TABLE}

DEBUG: bool = _values["DEBUG"]
SECRET_KEY: str = _values["SECRET_KEY"] or secrets.token_urlsafe(48)
ALLOWED_HOSTS: list[str] = _values["ALLOWED_HOSTS"]
LOG_LEVEL: str = _values["LOG_LEVEL"]
TRUSTED_PROXIES: int = _values["TRUSTED_PROXIES"]
MAX_BODY_BYTES: int = _values["MAX_BODY_BYTES"]
CACHE_URL: str = _values["CACHE_URL"]
CACHE_DIR = Path(_values["CACHE_DIR"] or BASE_DIR / "var" / "cache")
OFFLINE: bool = _values["OFFLINE"]
HUGGING_FACE_URL: str = _values["HUGGING_FACE_URL"]
HUGGING_FACE_TOKEN: str = _values["HUGGING_FACE_TOKEN"]
OLLAMA_URL: str = _values["OLLAMA_URL"]
OLLAMA_REGISTRY_URL: str = _values["OLLAMA_REGISTRY_URL"]
CONSOLE_API_URL: str = _values["CONSOLE_API_URL"]
REGISTRY_TIMEOUT: float = _values["REGISTRY_TIMEOUT"]
RUNTIME_IMAGE: str = _values["RUNTIME_IMAGE"]
RUNTIME_CPU_IMAGE: str = _values["RUNTIME_CPU_IMAGE"]
VLLM_IMAGE: str = _values["VLLM_IMAGE"]
OLLAMA_IMAGE: str = _values["OLLAMA_IMAGE"]
LLAMA_SERVER_IMAGE: str = _values["LLAMA_SERVER_IMAGE"]
LLAMA_SERVER_CPU_IMAGE: str = _values["LLAMA_SERVER_CPU_IMAGE"]
GATEWAY_IMAGE: str = _values["GATEWAY_IMAGE"]
CHECK_IMAGES: bool = _values["CHECK_IMAGES"]
IMAGE_REGISTRY_URLS: dict[str, str] = _values["IMAGE_REGISTRY_URLS"]
SDL_DENOM: str = _values["SDL_DENOM"]
DEMO_UPSTREAMS: tuple[Upstream, ...] = _values["DEMO_UPSTREAMS"]
DEMO_EMBEDDED: bool = _values["DEMO_EMBEDDED"] and not DEMO_UPSTREAMS
DEMO_LIMITS = Limits(
    rates=_values["DEMO_RATE"],
    global_rates=_values["DEMO_GLOBAL_RATE"],
    streams_per_address=_values["DEMO_STREAMS_PER_ADDRESS"],
    streams=_values["DEMO_STREAMS"],
    queue=_values["DEMO_QUEUE"],
    deadline=_values["DEMO_DEADLINE"],
    heartbeat=_values["DEMO_HEARTBEAT"],
    tokens_per_day=_values["DEMO_TOKENS_PER_DAY"],
    max_tokens=_values["DEMO_MAX_TOKENS"],
    prompt_characters=_values["DEMO_MAX_PROMPT"],
    images=_values["DEMO_MAX_IMAGES"],
    image_bytes=_values["DEMO_MAX_IMAGE_BYTES"],
)

if SDL_DENOM not in ("uact", "uakt"):
    raise ImproperlyConfigured(f"SDL_DENOM is {SDL_DENOM!r}, which makes no sense: use uact.")

ROOT_URLCONF = "oneclick_site.urls"
ASGI_APPLICATION = "oneclick_site.asgi.application"
# django-htmx gives its middleware only: the htmx that it bundles is another version.
INSTALLED_APPS = ["django.contrib.staticfiles", "wizard"]
MIDDLEWARE = [
    "oneclick_site.middleware.security_headers",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "oneclick_site.middleware.access_log",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
DATABASES: dict[str, dict[str, str]] = {}
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
SECURE_CONTENT_TYPE_NOSNIFF = True
APPEND_SLASH = True

_CACHE = (
    {"BACKEND": "oneclick_site.shared_cache.SharedCache", "LOCATION": CACHE_URL}
    if CACHE_URL
    else {
        "BACKEND": "oneclick_site.file_cache.FileCache",
        "LOCATION": str(CACHE_DIR),
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
)
CACHES = {"default": {**_CACHE, "KEY_PREFIX": fingerprint(BASE_DIR / "wizard")}}

STATIC_URL = "/static/"
STATIC_ROOT = Path(_values["STATIC_DIR"] or BASE_DIR / "var" / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
# Hashed names need the manifest that collectstatic writes; a checkout that has
# never been collected is served from its folders.
_is_collected = "collectstatic" in sys.argv or (STATIC_ROOT / "staticfiles.json").exists()
STORAGES = {
    "staticfiles": {
        "BACKEND": "oneclick_site.static_files.HashedStorage"
        if _is_collected and not DEBUG
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
}
WHITENOISE_USE_FINDERS = True

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
USE_THOUSAND_SEPARATOR = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "oneclick_site.logs.JsonFormatter"}},
    "filters": {"files": {"()": "oneclick_site.logs.NoFilesLeft"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "asyncio": {"filters": ["files"]},
        # These log whole URLs or headers of outgoing calls.
        "httpx2": {"level": "WARNING"},
        "httpcore2": {"level": "WARNING"},
        "huggingface_hub": {"level": "ERROR"},
        # Our access log has the status; Django's copy would log the full path.
        "django.request": {"level": "ERROR"},
    },
}
