"""The little of Go's template language that ``template`` of a request is written in.

Ollama fills ``.System``, ``.Prompt``, ``.Suffix`` and ``.Response``, with
``if``, ``else`` and trimming marks. Loops and pipelines belong to models'
own templates and are refused: the GGUF's chat template does that work here.
"""

from __future__ import annotations

from collections.abc import Mapping

from inference.api.errors import ApiError

LONGEST = 64 << 10
DEEPEST = 16
_OPENS, _CLOSES, _TRIMS = "{{", "}}", "-"
_NAMES = ("System", "Prompt", "Suffix", "Response")


def render(template: str, values: Mapping[str, str]) -> str:
    """Fill a template. Everything from ``.Response`` on is left to the model.

    Raises ApiError for what is not understood.
    """
    if len(template) > LONGEST:
        raise ApiError(400, f"template is longer than {LONGEST} characters")
    pieces: list[str] = []
    shown: list[bool] = []
    for kind, text in _tokens(template):
        if kind == "text":
            if all(shown):
                pieces.append(text)
        elif text == ".Response":
            return "".join(pieces)
        else:
            _act(text, values, pieces, shown)
    if shown:
        raise ApiError(400, 'template has an "if" without an "end"')
    return "".join(pieces)


def _act(action: str, values: Mapping[str, str], pieces: list[str], shown: list[bool]) -> None:
    words = action.split()
    if len(words) == 2 and words[0] == "if" and len(shown) < DEEPEST:
        shown.append(bool(_value(words[1], values)))
    elif action == "else" and shown:
        shown[-1] = not shown[-1]
    elif action == "end" and shown:
        shown.pop()
    elif len(words) == 1 and action.startswith("."):
        value = _value(action, values)
        if all(shown):
            pieces.append(value)
    else:
        raise ApiError(
            400,
            f"template: {{{{ {action[:60]} }}}} is not supported; use .System, .Prompt, .Suffix, "
            ".Response, if, else and end",
        )


def _value(name: str, values: Mapping[str, str]) -> str:
    if name[1:] not in _NAMES or not name.startswith("."):
        raise ApiError(400, f"template: unknown field {name[:60]}")
    return values.get(name[1:], "")


def _tokens(template: str) -> list[tuple[str, str]]:
    """Texts and actions, blanks removed where a trimming mark says so.

    Found without a regular expression: one with blanks around the action took hours to see
    that a template of blanks has no end.
    """
    found: list[tuple[str, str]] = []
    at, trim = 0, False
    while (begins := template.find(_OPENS, at)) >= 0:
        ends = template.find(_CLOSES, begins + len(_OPENS))
        if ends < 0:
            break
        action = template[begins + len(_OPENS) : ends]
        text = template[at:begins].lstrip() if trim else template[at:begins]
        found.append(("text", text.rstrip() if action.startswith(_TRIMS) else text))
        action = action.removeprefix(_TRIMS)
        trim = action.endswith(_TRIMS)
        found.append(("action", action.removesuffix(_TRIMS).strip()))
        at = ends + len(_CLOSES)
    rest = template[at:]
    found.append(("text", rest.lstrip() if trim else rest))
    return found
