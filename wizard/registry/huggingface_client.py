"""Talks to the Hub: huggingface-hub for its API, ranges for its files.

Every failure comes out as an error of :mod:`wizard.registry.errors`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache as once
from typing import Any
from urllib.parse import quote

import httpx2
from django.conf import settings
from huggingface_hub import HfApi, constants, set_client_factory
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import ModelInfo

from wizard.registry import http
from wizard.registry.errors import (
    InvalidName,
    ModelGated,
    ModelNotFound,
    ModelPrivate,
    RegistryError,
    UnreadableHeader,
)

NAME = "Hugging Face"
MAX_CONFIG = 4 << 20
MAX_INDEX = 24 << 20
_FIELDS = {
    "downloads": int,
    "library_name": str,
    "likes": int,
    "pipeline_tag": str,
    "sha": str,
    "siblings": list,
    "tags": list,
}
_REPO = re.compile(r"[A-Za-z0-9._-]{1,96}/[A-Za-z0-9._-]{1,96}\Z")

# Or huggingface-hub asks huggingface.co which tool it runs in, whatever the endpoint is:
# https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
constants.HF_HUB_DISABLE_TELEMETRY = True
set_client_factory(lambda: http.client(NAME))


def model_info(repo: str, revision: str = "") -> ModelInfo:
    """A repository's facts with every file's bytes; renames are followed."""
    with _translated(repo):
        return _checked(_api().model_info(repo, revision=revision or None, files_metadata=True))


def list_models(**query: Any) -> list[ModelInfo]:
    """``HfApi.list_models``, read whole; ``limit`` must be given."""
    with _translated("the search"):
        return [_checked(info) for info in _api().list_models(**query)]


def read_json(repo: str, revision: str, path: str, limit: int = MAX_CONFIG) -> Any:
    """A JSON file of a repository; raises UnreadableHeader where it has none."""
    with _translated(repo):
        response = _session().get(
            _file_url(repo, revision, path),
            headers=_authorisation(),
            extensions={http.LIMIT: limit},
        )
    _check_file(response, repo, path)
    return http.read_json(response, NAME)


def ranges_of(repo: str, revision: str, path: str) -> Callable[[int, int], bytes]:
    """A function that reads a file's bytes from ``start`` up to ``stop``."""
    with _translated(repo):
        url = _file_url(repo, revision, path)

    def fetch(start: int, stop: int) -> bytes:
        with _translated(repo):
            response = http.read_range(_session(), url, start, stop, _authorisation())
        _check_file(response, repo, path)
        return response.content

    return fetch


def gated(repo: str) -> ModelGated:
    """The error of a gated repository, with the page where its terms are accepted."""
    link = f"https://huggingface.co/{repo}"
    return ModelGated(
        f"The files of {repo} are behind terms that each user accepts.",
        next_step=(
            f"Sign in at {link}, accept the terms there, and use a read token of that account "
            "when you deploy."
        ),
        link=link,
    )


@once
def _session() -> httpx2.Client:
    return http.client(NAME)


def _api() -> HfApi:
    return HfApi(
        endpoint=settings.HUGGING_FACE_URL,
        token=settings.HUGGING_FACE_TOKEN or False,
        library_name="oneclickllm",
    )


def _authorisation() -> Mapping[str, str]:
    token = settings.HUGGING_FACE_TOKEN
    return {"Authorization": f"Bearer {token}"} if token else {}


def _file_url(repo: str, revision: str, path: str) -> str:
    if not _REPO.match(repo) or ".." in repo:
        raise InvalidName(f"{repo[:200]!r} cannot be a repository's name.")
    base = settings.HUGGING_FACE_URL
    return f"{base}/{quote(repo)}/resolve/{quote(revision or 'main', safe='')}/{quote(path)}"


def _check_file(response: httpx2.Response, repo: str, path: str) -> None:
    if response.is_success:
        return
    if response.status_code in (401, 403):
        raise gated(repo)
    if response.status_code in (404, 410, 416):
        raise UnreadableHeader(f"{repo} has no readable {path}.")
    raise RegistryError(f"{NAME} answers with the status {response.status_code} for {path}.")


@contextmanager
def _translated(repo: str) -> Iterator[None]:
    """Turn huggingface-hub's errors into ours."""
    try:
        yield
    except RegistryError:
        raise
    except GatedRepoError as error:
        raise gated(repo) from error
    except RevisionNotFoundError as error:
        raise ModelNotFound(f"{repo} has no such revision.") from error
    except DisabledRepoError as error:
        raise ModelNotFound(f"{NAME} has disabled {repo}.") from error
    except HFValidationError as error:
        raise InvalidName(f"{repo[:200]!r} cannot be a repository's name.") from error
    except HfHubHTTPError as error:
        raise _refused(repo, error.response) from error
    except httpx2.HTTPError as error:
        raise RegistryError(f"{NAME} led the request nowhere.") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RegistryError(f"{NAME} sent an answer that cannot be read.") from error


def _checked(info: ModelInfo) -> ModelInfo:
    """Refuse facts of other types than huggingface-hub says but does not check."""
    for field, kind in _FIELDS.items():
        if not isinstance(getattr(info, field), kind | None):
            raise TypeError(f"{field} is no {kind.__name__}")
    counts = info.safetensors.parameters if info.safetensors else {}
    texts = [info.id, *(info.tags or ()), *(file.rfilename for file in info.siblings or ())]
    if not isinstance(counts, dict) or not all(isinstance(text, str) for text in texts):
        raise TypeError("a name is no text")
    return info


def _refused(repo: str, response: httpx2.Response) -> RegistryError:
    """The Hub tells anonymous callers 401 for private and missing alike."""
    status, message = response.status_code, response.headers.get("x-error-message", "")
    if status == 401 and "Invalid credentials" in message:
        return RegistryError(f"{NAME} refuses this site's own token.")
    if status == 401:
        return ModelPrivate(f"{NAME} shows nobody a model {repo}: it is private or does not exist.")
    if status == 404:
        return ModelNotFound(f"{NAME} has no model {repo}.")
    return RegistryError(f"{NAME} answers with the status {status} for {repo}.")
