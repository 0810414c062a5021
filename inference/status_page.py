"""The page at ``/``: what a person sees who opens the endpoint in a browser."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from string import Template
from typing import Any

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
REFRESH_SECONDS = 5
_UNITS = ("bytes", "kB", "MB", "GB", "TB")

_PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
$refresh<link rel="icon" href="data:,">
<title>$title · OneClickLLM</title>
<link rel="stylesheet" href="/static/status.css">
<script src="/static/status.js" defer></script>
</head>
<body data-phase="$phase">
<main>
<p class="brand">OneClick<b>LLM</b> <span>endpoint</span></p>
<h1><span class="light" aria-hidden="true"></span> $title</h1>
<p class="message" role="status">$message</p>
$models
$calls
$inside
</main>
</body>
</html>
"""
)
_MODEL = Template(
    """<section class="model">
<h2>$name</h2>
$state
</section>"""
)
_BAR = Template(
    """<progress max="1" value="$fraction" aria-label="Downloaded">$percent %</progress>
<p class="figures">$stage · $done of $size · $speed · $left</p>"""
)
_CALLS = Template(
    """<section>
<h2>Call it</h2>
$early<div class="code"><h3 id="by-curl">By curl</h3></div>
<pre tabindex="0" aria-labelledby="by-curl"><code>curl ENDPOINT$path$key -d '{
  "model": "$name",
  $asked
}'</code></pre>
<div class="code"><h3 id="in-python">In Python</h3></div>
<pre tabindex="0" aria-labelledby="in-python"><code>from openai import OpenAI

client = OpenAI(
    base_url="ENDPOINT/v1",
    api_key="$secret",
)
$python</code></pre>
<p><span class="meant">ENDPOINT is this page's address. </span>$apis.</p>
</section>"""
)
# What a model can do is known once its file is here.
_EARLY = """<p class="figures">It can be copied now, and is answered once the model is loaded. This
is a chat: a model that embeds or ranks shows its own code here when its file has come.</p>
"""
_APIS = "Ollama's API is at <code>/api</code>, OpenAI's at <code>/v1</code>"
_CHAT = {
    "path": "/api/chat",
    "asked": '"messages": [{"role": "user", "content": "Why is the sky blue?"}]',
    "apis": f"{_APIS}, Anthropic's at\n<code>/v1/messages</code>",
}
_CHAT_IN_PYTHON = Template(
    """answer = client.chat.completions.create(
    model="$name",
    messages=[{"role": "user", "content": "Why is the sky blue?"}],
)
print(answer.choices[0].message.content)"""
)
_VECTORS = {"path": "/api/embed", "asked": '"input": ["Why is the sky blue?"]', "apis": _APIS}
_VECTORS_IN_PYTHON = Template(
    """found = client.embeddings.create(
    model="$name",
    input=["Why is the sky blue?"],
)
print(found.data[0].embedding)"""
)
_SCORES = {
    "path": "/v1/rerank",
    "asked": '"query": "Why is the sky blue?",\n'
    '  "documents": ["Air scatters blue light.", "Tea."]',
    "apis": "The words are those of Jina's API",
}
_SCORES_IN_PYTHON = Template(
    """found = client.post("/rerank", cast_to=object, body={
    "model": "$name",
    "query": "Why is the sky blue?",
    "documents": ["Air scatters blue light.", "Tea."],
})
print(found["results"])"""
)
_CODE = {
    "embedding": (_VECTORS, _VECTORS_IN_PYTHON),
    "rerank": (_SCORES, _SCORES_IN_PYTHON),
    "completion": (_CHAT, _CHAT_IN_PYTHON),
}
_INSIDE = """<section>
<h2>How busy it is</h2>
<p class="figures">The endpoint's key shows slots, queue, speed and last errors. It stays in
this tab.</p>
<form class="key">
<label for="key">Key</label>
<input id="key" type="password" autocomplete="off" spellcheck="false">
<button>Show</button>
</form>
<div class="inside" role="region" aria-label="Figures" hidden></div>
<noscript><p>With the key, <code>/status</code> tells slots, queue, speed and last errors.</p>
</noscript>
</section>"""
_TITLES = {
    "pulling": "Downloading",
    "loading": "Loading",
    "ready": "Ready",
    "failed": "Not started",
    "stopping": "Stopping",
}


def render(status: Mapping[str, Any], *, locked: bool) -> str:
    """The page for what ``/status`` tells everyone."""
    phase = str(status["phase"])
    seconds = f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">\n'
    return _PAGE.substitute(
        refresh=f"<noscript>{seconds}</noscript>" if phase in ("pulling", "loading") else "",
        title=_TITLES[phase],
        phase=phase,
        message=escape(str(status["message"])),
        models="\n".join(map(_model, status["models"])),
        calls=_calls(status, locked=locked),
        inside=_INSIDE,
    )


def _model(entry: Mapping[str, Any]) -> str:
    return _MODEL.substitute(name=escape(entry["name"]), state=_state(entry))


def _state(entry: Mapping[str, Any]) -> str:
    if entry["error"]:
        return f'<p class="error">{escape(entry["error"])}</p>'
    if entry["progress"]:
        return _bar(entry["progress"])
    facts = entry["facts"]
    return f"<p>{escape(' · '.join(facts))}</p>" if facts else "<p>Waiting.</p>"


def _bar(progress: Mapping[str, Any]) -> str:
    return _BAR.substitute(
        fraction=progress["fraction"],
        percent=round(progress["fraction"] * 100),
        stage=escape(progress["stage"]),
        done=size_text(progress["done"]),
        size=size_text(progress["size"]),
        speed=f"{size_text(progress['bytes_per_second'])}/s",
        left=left_text(progress["seconds_left"]),
    )


def _calls(status: Mapping[str, Any], *, locked: bool) -> str:
    """How to call the first model of which that is known, or the first that comes."""
    known = [entry for entry in status["models"] if entry["capabilities"]]
    is_coming = status["phase"] == "pulling"
    shown = known or [entry for entry in status["models"] if is_coming and not entry["error"]]
    if not shown:
        return ""
    kind = shown[0]["capabilities"][0] if known else "completion"
    name, (words, python) = escape(shown[0]["name"]), _CODE[kind]
    return _CALLS.substitute(
        words,
        early="" if known else _EARLY,
        name=name,
        python=python.substitute(name=name),
        key=' \\\n  -H "Authorization: Bearer $KEY"' if locked else "",
        secret="KEY" if locked else "none",
    )


def size_text(count: float) -> str:
    """Bytes for a person."""
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"


def left_text(seconds: float | None) -> str:
    """The time that is left, for a person."""
    if seconds is None:
        return "time left unknown"
    if seconds < 90:
        return f"{seconds:.0f} s left"
    return f"{seconds / 60:.0f} min left"
