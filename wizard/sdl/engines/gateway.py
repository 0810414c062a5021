"""The gateway that checks the key, for engines that leave a door open.

Ollama has no authentication at all, and vLLM's key guards ``/v1`` only: its
``/invocations``, ``/pooling`` and ``/tokenize`` answer anyone
(https://docs.vllm.ai/en/stable/usage/security/). Caddy stands in front, with
a fixed configuration (https://caddyserver.com/docs/caddyfile) that arrives in
a variable, since an SDL has no files.
"""

from __future__ import annotations

from django.conf import settings

from wizard.sdl.engines import common
from wizard.sdl.engines.values import MAIN_SERVICE, Service, Text
from wizard.sdl.values import Resources, Secrets

NAME = "gateway"
PORT = 8080
RESOURCES = Resources(cpu=0.5, memory=256 << 20, root_disk=512 << 20, volume=0, shared_memory=0)

# The key is read from the variable when a request comes ({env.API_KEY}), never
# pasted into this text. An expression compares it whole: Caddy's `header`
# matcher would take a * in it for a pattern.
_CADDYFILE = """\
{{
  admin off
  auto_https off
}}
:{port} {{
  @preflight method OPTIONS
  @refused not expression `{{env.API_KEY}} != '' && ({{http.request.header.Authorization}} == \
'Bearer ' + {{env.API_KEY}} || {{http.request.header.X-Api-Key}} == {{env.API_KEY}})`
  @closed path {closed}
  handle /healthz {{
    respond ok 200
  }}
  handle @preflight {{
    header Access-Control-Allow-Origin *
    header Access-Control-Allow-Methods "GET, POST, OPTIONS"
    header Access-Control-Allow-Headers "Authorization, Content-Type, X-Api-Key"
    header Access-Control-Max-Age 86400
    respond 204
  }}
  handle @refused {{
    header Access-Control-Allow-Origin *
    header Content-Type application/json
    header WWW-Authenticate Bearer
    respond `{{"error":"send your key as Authorization: Bearer <key>"}}` 401
  }}
  handle @closed {{
    header Content-Type application/json
    respond `{{"error":"this endpoint serves its model and changes nothing"}}` 403
  }}
  handle {{
    reverse_proxy {service}:{upstream} {{
      flush_interval -1
      lb_try_duration 5s
      header_up Host localhost:{upstream}
      header_up Authorization "Bearer {{env.API_KEY}}"
      header_up -X-Api-Key
      header_up -Origin
      header_down Access-Control-Allow-Origin *
      transport http {{
        compression off
        dial_timeout 5s
        response_header_timeout 1h
        read_timeout 1h
        write_timeout 1h
      }}
    }}
  }}
  handle_errors {{
    header Access-Control-Allow-Origin *
    header Content-Type application/json
    header Retry-After 30
    respond `{{"error":"the model is still being downloaded or loaded"}}` 503
  }}
}}
"""

_SCRIPT = (
    "printf '%s' \"$CADDYFILE\" > /tmp/Caddyfile "
    "&& exec caddy run --config /tmp/Caddyfile --adapter caddyfile"
)


def caddyfile(upstream: int, closed: tuple[str, ...]) -> Text:
    """The configuration: ``upstream`` is the engine's port, ``closed`` the refused paths."""
    return Text(
        _CADDYFILE.format(
            port=PORT, service=MAIN_SERVICE, upstream=upstream, closed=" ".join(closed)
        )
    )


def service(secrets: Secrets, upstream: int, closed: tuple[str, ...]) -> Service:
    """The gateway's container, in front of the main service's ``upstream`` port."""
    return Service(
        name=NAME,
        image=settings.GATEWAY_IMAGE,
        note="Caddy: lets a request through to the engine only with your key.",
        resources=RESOURCES,
        port=PORT,
        public=True,
        command=("sh", "-c", _SCRIPT),
        env=(("API_KEY", common.api_key(secrets)), ("CADDYFILE", caddyfile(upstream, closed))),
        runs_model=False,
    )
