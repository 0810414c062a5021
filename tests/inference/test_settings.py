"""Settings from flags and environment: read, or refused in one sentence."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from inference.errors import SettingsError
from inference.setting_types import FOREVER, duration
from inference.settings import TABLE, Settings, load, markdown_table

KEY = "a-key-that-is-long-enough"
KEY_HASH = hashlib.sha256(KEY.encode()).hexdigest()
MODEL = "hf.co/user/repo:Q4_K_M"


def test_it_works() -> None:
    told = load(["--model", MODEL, "--port", "9000"], {"API_KEY": KEY, "HOST": "0.0.0.0"})  # noqa: S104
    assert told.models == (MODEL,)
    assert told.default_model == MODEL
    assert told.port == 9000
    assert told.api_key_hashes == {KEY_HASH}


def test_everything_has_a_default_that_works() -> None:
    told = load([], {"MODEL": "llama3.1:8b"})
    assert told.host == "127.0.0.1"
    assert told.context_length is told.slots is told.gpu_layers is told.threads is None
    assert told.keep_alive == FOREVER
    assert told.max_body_bytes == 32 << 20


def test_a_flag_counts_more_than_the_environment() -> None:
    assert load(["--slots", "4"], {"MODEL": "a", "SLOTS": "8"}).slots == 4


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load([], {"MODEL": "a", "PORT": "", "API_KEY": ""}).port == 8080


def test_several_models_come_by_commas_or_repeated_flags() -> None:
    named = ("llama3.1:8b", "user/model:latest")
    assert load([], {"MODEL": "llama3.1:8b, user/model"}).models == named
    assert load(["--model", "llama3.1:8b", "--model", "user/model"], {}).models == named


def test_names_are_made_canonical() -> None:
    assert load([], {"MODEL": "huggingface.co/user/repo"}).models == ("hf.co/user/repo",)


def test_a_local_file_is_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "m.gguf"
    file.touch()
    monkeypatch.chdir(tmp_path)
    for text in (str(file), "./m.gguf", "m.gguf"):
        assert load(["--model", text], {}).models == (str(file),)


def test_a_link_keeps_its_own_name(tmp_path: Path) -> None:
    """As in the Hub's cache, where readable names are links to digests."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "0a1b").touch()
    link = tmp_path / "model-Q4_K_M.gguf"
    link.symlink_to(tmp_path / "blobs" / "0a1b")
    assert load(["--model", str(link)], {}).models == (str(link),)


def test_an_alias_may_stand_for_a_local_file_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"GGUF")
    told = load(["--model", "a", "--model", str(file)], {"MODEL_ALIASES": "gpt-4o=mine"})
    assert told.aliases == (("gpt-4o", str(file)),)


def test_an_alias_stands_for_a_model_or_for_the_default_one() -> None:
    told = load([], {"MODEL": "a,b", "MODEL_ALIASES": "gpt-4o,small=b"})
    assert told.aliases == (("gpt-4o", "a:latest"), ("small", "b:latest"))


def test_an_alias_may_stand_for_every_other_name() -> None:
    told = load([], {"MODEL": "a,b", "MODEL_ALIASES": "gpt-4o,*=b"})
    assert told.aliases == (("gpt-4o", "a:latest"), ("*", "b:latest"))


def test_several_keys_and_digests_count_together() -> None:
    told = load(
        [], {"MODEL": "a", "API_KEY": f"{KEY},another-key-of-mine", "API_KEY_SHA256": "ab" * 32}
    )
    assert len(told.api_key_hashes) == 3


@pytest.mark.parametrize("name", ["API_KEY", "HF_TOKEN"])
def test_a_secret_may_lie_in_a_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{KEY}\n")
    by_variable = load([], {"MODEL": "a", f"{name}_FILE": str(file)})
    by_flag = load(["--model", "a", f"--{name.lower().replace('_', '-')}-file", str(file)], {})
    assert by_variable == by_flag == load([], {"MODEL": "a", name: KEY})


def test_no_secret_is_shown() -> None:
    told = load([], {"MODEL": "a", "API_KEY": KEY, "HF_TOKEN": "hf_secret"})
    assert "hf_secret" not in repr(told)
    assert KEY_HASH not in repr(told)


@pytest.mark.parametrize(
    ("text", "value"),
    [("8192", 8192), ("8k", 8192), ("128K", 131072), ("auto", None), ("AUTO", None)],
)
def test_a_context_length_is_tokens(text: str, value: int | None) -> None:
    assert load([], {"MODEL": "a", "CONTEXT_LENGTH": text}).context_length == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("5m", 300), ("1h30m", 5400), ("90", 90), ("0", 0), ("-1", -1), ("-5m", -1), ("1.5h", 5400)],
)
def test_a_duration_reads_as_ollamas(text: str, value: float) -> None:
    assert duration(text) == value


@pytest.mark.parametrize(
    ("flag", "value"), [(["--insecure"], True), (["--insecure", "0"], False), ([], False)]
)
def test_a_switch_needs_no_value(flag: list[str], value: bool) -> None:
    assert load([*flag, "--model", "a"], {}).insecure is value


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "No model is named"),
        ({"MODEL": "a b"}, "MODEL is 'a b'"),
        ({"MODEL": "./missing.gguf"}, "there is no file"),
        ({"MODEL": "a", "MODEL_ALIASES": "b=c"}, "which MODEL does not name"),
        ({"MODEL": "a", "MODEL_ALIASES": "=a"}, "alias=model"),
        ({"MODEL": "a,b", "MODEL_ALIASES": "x=a,x=b"}, "one model only"),
        ({"MODEL_ALIASES": "x"}, "needs a MODEL"),
        ({"MODEL": "a", "PROJECTOR": "llama3"}, "auto, none, a path"),
        ({"MODEL": "a", "PORT": "0"}, "1 to 65535"),
        ({"MODEL": "a", "PORT": "http"}, "1 to 65535"),
        ({"MODEL": "a", "SLOTS": "0"}, "or auto"),
        ({"MODEL": "a", "SLOTS": "9" * 5000}, "or auto"),
        ({"MODEL": "a", "CONTEXT_LENGTH": "100"}, "tokens from 256"),
        ({"MODEL": "a", "KV_CACHE_TYPE": "q5"}, "f16, q8_0 or q4_0"),
        ({"MODEL": "a", "UBATCH": "4096"}, "UBATCH .4096. is larger"),
        ({"MODEL": "a", "KEEP_ALIVE": "soon"}, "such as 5m"),
        ({"MODEL": "a", "REQUEST_TIMEOUT": "-1"}, "1 to 86400 seconds"),
        ({"MODEL": "a", "MAX_BODY_BYTES": "1"}, "number of bytes"),
        ({"MODEL": "a", "CORS_ORIGINS": "example.org"}, "full URL"),
        ({"MODEL": "a", "CORS_ORIGINS": "https://example.org/x"}, "origins such as"),
        ({"MODEL": "a", "HUGGING_FACE_URL": "hf.co"}, "full URL"),
        ({"MODEL": "a", "HUGGING_FACE_URL": "https://a:b@hf.co"}, "full URL"),
        ({"MODEL": "a", "HUGGING_FACE_URL": "https://hf.co:99999"}, "0-65535"),
        ({"MODEL": "a", "OLLAMA_REGISTRY_URL": "https://hf.co:0"}, "1 to 65535"),
        ({"MODEL": "a", "INSECURE": "maybe"}, "use 1 or 0"),
        ({"MODEL": "a", "ENGINE_BINARY": "/nowhere/llama-server"}, "no such file"),
        ({"MODEL": "a", "LOG_LEVEL": "LOUD"}, "DEBUG"),
        ({"MODEL": "a", "HOST": "0.0.0.0"}, "there is no key"),  # noqa: S104
        ({"MODEL": "a", "HOST": "::"}, "there is no key"),
        ({"MODEL": "a", "HOST": "example.org"}, "there is no key"),
        ({"MODEL": "a", "API_KEY": "short"}, "8 to 512"),
        ({"MODEL": "a", "API_KEY": "with a blank in it"}, "8 to 512"),
        ({"MODEL": "a", "API_KEY": "PASTE-YOUR-API-KEY-HERE"}, "placeholder"),
        (
            {"MODEL": "a", "API_KEY_SHA256": "PASTE-THE-SHA256-OF-YOUR-API-KEY-HERE"},
            "64 hexadecimal",
        ),
        ({"MODEL": "a", "HF_TOKEN": "PASTE-YOUR-HUGGING-FACE-TOKEN-HERE"}, "placeholder"),
        ({"MODEL": "a", "HF_TOKEN": "hf_x\r\nX-Evil: 1"}, "as Hugging Face shows it"),
        ({"MODEL": "a", "API_KEY_FILE": "/nowhere/key"}, "cannot be read"),
        ({"MODEL": "a", "API_KEY": KEY, "API_KEY_FILE": "/nowhere/key"}, "not both"),
        ({"MODEL": "a", "MODELS_DIR": "/dev/null"}, "use a folder"),
    ],
)
def test_nonsense_is_refused_in_one_sentence(environ: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        load([], environ)
    assert "\n" not in refused.value.sentence


def test_a_bad_secret_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        load([], {"MODEL": "a", "API_KEY": "hush 1"})
    assert "hush" not in refused.value.sentence


def test_a_mistyped_flag_is_named_without_its_value() -> None:
    with pytest.raises(SettingsError, match="--api-kye") as refused:
        load(["--api-kye", "hush", "--api-kee=hush"], {"MODEL": "a"})
    assert "hush" not in refused.value.sentence


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_key(host: str) -> None:
    assert load([], {"MODEL": "a", "HOST": host}).host == host


def test_insecure_is_said_aloud() -> None:
    assert load(["--insecure"], {"MODEL": "a", "HOST": "0.0.0.0"}).insecure  # noqa: S104


def test_pulling_needs_neither_model_nor_key() -> None:
    assert load([], {"HOST": "0.0.0.0"}, serving=False).models == ()  # noqa: S104


def test_the_table_documents_every_setting() -> None:
    rows = markdown_table().splitlines()
    assert len(rows) == len(TABLE) + 2
    assert all(f"`{setting.name}`" in row for setting, row in zip(TABLE, rows[2:], strict=True))
    fields = {setting.key for setting in TABLE} - {"api_key", "api_key_sha256"}
    assert fields | {"api_key_hashes"} == set(Settings.__dataclass_fields__)


@pytest.mark.parametrize(
    ("environ", "origins"),
    [
        ({}, ()),
        ({"API_KEY": "a-long-enough-key"}, ("*",)),
        ({"API_KEY": "a-long-enough-key", "CORS_ORIGINS": "none"}, ()),
        ({"CORS_ORIGINS": "https://Example.org"}, ("https://example.org",)),
    ],
)
def test_any_page_may_call_where_a_key_is_needed(
    environ: dict[str, str], origins: tuple[str, ...]
) -> None:
    assert load([], {"MODEL": "llama3", **environ}).cors_origins == origins
