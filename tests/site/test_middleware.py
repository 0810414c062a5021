from __future__ import annotations

import json
import logging

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from oneclick_site.callers import caller
from oneclick_site.logs import JsonFormatter, hashed, redact
from oneclick_site.middleware import HEADERS


def test_it_works(client: Client) -> None:
    response = client.get("/healthz")
    for name, value in HEADERS.items():
        assert response[name] == value


def test_scripts_and_styles_come_from_this_site_only() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_access_log_has_no_query_and_no_address(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "oneclick.access"):
        client.get("/badge.svg?secret=hunter2", REMOTE_ADDR="203.0.113.9")
    line = JsonFormatter().format(caplog.records[-1])
    assert json.loads(line)["path"] == "/badge.svg"
    assert "hunter2" not in line
    assert "203.0.113.9" not in line


def test_health_checks_are_in_the_log_only_where_it_tells_more(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "oneclick.access"):
        client.get("/healthz")
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]


def test_a_caller_is_told_as_the_demo_tells_it(
    client: Client, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TRUSTED_PROXIES = 1
    addresses = ("2001:db8::1", "2001:db8::ffff:1", "198.51.100.7")
    with caplog.at_level(logging.INFO, "oneclick.access"):
        for address in addresses:
            client.get("/badge.svg", headers={"X-Forwarded-For": f"1.1.1.1, {address}"})
    fields = [getattr(record, "fields", {}) for record in caplog.records]
    expected = [hashed(caller("", address, 1)) for address in addresses]
    assert [each["caller"] for each in fields] == expected


SECRETS = (
    "hf_abcdefghijklmnopqrstuvwxyz",
    "ocl_abcdefghijklmnopqrstuvwxyz",
    "Authorization: Bearer abcdefghijklmnopqrstuvwxyz",
    "x-api-key: abcdefghijklmnopqrstuvwxyz",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_cut_from_logs(secret: str) -> None:
    assert "klmnopqrstuvwxyz" not in redact(f"calling with {secret} now")


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("shape", ["{}", '"{}"', '{{"header": "{}"}}'])
def test_a_line_without_its_secret_is_still_json(secret: str, shape: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "x", 1, shape.format(secret), (), None)
    record.fields = {"said": shape.format(secret), "path": "/a b"}
    line = JsonFormatter().format(record)
    assert "klmnopqrstuvwxyz" not in line
    assert json.loads(line)["path"] == "/a b"


def test_a_line_holds_nothing_that_a_terminal_obeys() -> None:
    path = "/\x9b31m\x1b[31m\u202e\u2028"
    line = JsonFormatter().format(logging.makeLogRecord({"fields": {"path": path}}))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["path"] == path
