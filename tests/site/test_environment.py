from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from oneclick_site import environment as env
from oneclick_site.environment import Setting, read
from tests.site.live import ROOT

TOKEN = Setting("TOKEN", str, "", "A token.", True)


def test_it_works() -> None:
    assert read(Setting("PAGES", env.count, "3", "Pages."), {}) == 3
    assert read(Setting("PAGES", env.count, "3", "Pages."), {"PAGES": "5"}) == 5


def test_a_secret_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("s3cret\n")
    assert read(TOKEN, {"TOKEN_FILE": str(path)}) == "s3cret"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="TOKEN or TOKEN_FILE, not both"):
        read(TOKEN, {"TOKEN": "a", "TOKEN_FILE": str(tmp_path / "token")})


def test_a_missing_secret_file_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="cannot be read: No such file"):
        read(TOKEN, {"TOKEN_FILE": "/nowhere/token"})


def test_a_plain_setting_has_no_file_variant(tmp_path: Path) -> None:
    path = tmp_path / "pages"
    path.write_text("9")
    assert read(Setting("PAGES", env.count, "3", "Pages."), {"PAGES_FILE": str(path)}) == 3


@pytest.mark.parametrize(
    ("parse", "text", "sentence"),
    [
        (env.boolean, "maybe", "use 1 or 0"),
        (env.url, "example.org", "use a full URL"),
        (env.url, "ftp://example.org", "use a full URL"),
        (env.cache_url, "memcached://x", "use redis://"),
        (env.image, "vllm/vllm-openai", "pin a tag"),
        (env.image, "vllm/vllm-openai:latest", "pin a tag"),
        (env.image, "localhost:5000/runtime", "pin a tag"),
        (env.seconds, "0", "between 0.1 and 300"),
        (env.seconds, "abc", "a number of seconds"),
        (env.seconds, "nan", "a number of seconds"),
        (env.count, "many", "a whole number"),
        (env.count, "-1", "whole number"),
        (env.size, "1", "number of bytes"),
        (env.level, "LOUD", "use DEBUG"),
        (env.host_urls, "ghcr.io", "use host=https://base"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(parse: object, text: str, sentence: str) -> None:
    setting = Setting("SOME_SETTING", parse, "", "")  # type: ignore[arg-type]
    with pytest.raises(ImproperlyConfigured, match=f"SOME_SETTING is '{text}'.*{sentence}"):
        read(setting, {"SOME_SETTING": text})


def test_a_secret_is_not_repeated_in_the_refusal() -> None:
    secret = Setting("CACHE_URL", env.cache_url, "", "", True)
    with pytest.raises(ImproperlyConfigured) as caught:
        read(secret, {"CACHE_URL": "http://user:hunter2@host"})
    assert "hunter2" not in str(caught.value)


def test_the_table_has_a_row_for_each_setting() -> None:
    table = env.markdown_table((TOKEN, Setting("PAGES", env.count, "3", "Pages.")))
    assert "| `TOKEN` | empty | A token. (or `TOKEN_FILE`) |" in table
    assert "| `PAGES` | `3` | Pages. |" in table


@pytest.mark.parametrize(
    "command", [["manage.py", "check"], ["-m", "gunicorn", "-c", "gunicorn.conf.py"]]
)
def test_nonsense_ends_the_start_with_one_sentence(command: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "REGISTRY_TIMEOUT": "abc"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        "REGISTRY_TIMEOUT is 'abc', which makes no sense: "
        "use a number of seconds between 0.1 and 300."
    )
