"""The command line: what it prints, and with which code it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference import __version__
from inference.cli import EXIT_CODES, main
from inference.errors import InferenceError
from inference.progress_bar import duration_text
from tests.standins.gguf import file, llama
from tests.standins.server import json as json_answer
from tests.standins.weights import Weights, gguf

NAME = "hf.co/user/repo:Q8_0"
DATA = file(llama(), {"token_embd.weight": (64, 32)})


@pytest.fixture
def weights() -> Iterator[Weights]:
    with Weights() as servers:
        servers.add_hub("user/repo", {"m-Q8_0.gguf": DATA, "m-Q4_0.gguf": gguf(1000)})
        yield servers


@pytest.fixture
def environ(weights: Weights, tmp_path: Path) -> dict[str, str]:
    return weights.environ(MODELS_DIR=str(tmp_path / "models"))


def _lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_it_works(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pull", NAME], environ) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{NAME} is ready: {environ['MODELS_DIR']}")
    assert f"{NAME}: downloading" in err or f"{NAME}: 0 bytes of" in err


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"], {})
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"oneclickllm {__version__}\n"


def test_pull_tells_its_progress_in_json_lines(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pull", NAME, "--json"], environ) == 0
    *steps, model = _lines(capsys.readouterr().out)
    assert [step["stage"] for step in (steps[0], steps[-1])] == ["reading the registry", "ready"]
    assert steps[-1]["done"] == steps[-1]["size"] == len(DATA)
    assert model["name"] == NAME
    assert Path(str(model["paths"][0])).read_bytes() == DATA  # type: ignore[index]


def test_the_model_may_be_named_by_a_setting(environ: dict[str, str]) -> None:
    assert main(["pull"], {**environ, "MODEL": NAME}) == 0
    assert main(["show", "--model", NAME], environ) == 0


def test_show_tells_facts_of_the_file(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["pull", NAME], environ)
    capsys.readouterr()
    assert main(["show", NAME, "--json", "--verbose"], environ) == 0
    facts = _lines(capsys.readouterr().out)[0]
    assert facts["architecture"] == "llama"
    assert facts["parameters"] == 64 * 32
    assert facts["tensors"] == [{"name": "token_embd.weight", "shape": [64, 32], "type": "F32"}]
    assert main(["show", NAME, "--verbose"], environ) == 0
    told = capsys.readouterr().out
    assert "context_length     2048" in told
    assert "tensors            token_embd.weight 64 32 F32" in told


def test_list_and_remove(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["pull", NAME], environ)
    capsys.readouterr()
    assert main(["list", "--json"], environ) == 0
    assert [model["name"] for model in json.loads(capsys.readouterr().out)] == [NAME]
    assert main(["list"], environ) == 0
    assert NAME in capsys.readouterr().out
    assert main(["remove", NAME], environ) == 0
    assert list((Path(environ["MODELS_DIR"]) / "blobs").iterdir()) == []
    assert main(["remove", NAME], environ) == 3
    assert main(["list"], environ) == 0
    assert "No model is downloaded yet." in capsys.readouterr().out


def test_check_says_what_would_happen_without_the_network(
    environ: dict[str, str], weights: Weights, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", NAME], environ) == 0
    assert f"{NAME} is not here yet" in capsys.readouterr().out
    assert weights.requests == 0
    main(["pull", NAME], environ)
    capsys.readouterr()
    assert main(["check", NAME, "--json"], environ) == 0
    model = _lines(capsys.readouterr().out)[0]["models"][0]  # type: ignore[index]
    assert model["is_here"]
    assert model["slots"] >= 1


def test_check_names_a_folder_that_cannot_be_used(
    tmp_path: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "models"
    assert main(["check", NAME, "--models-dir", str(folder)], environ) == 7
    assert f"{folder} cannot be used" in capsys.readouterr().err


def test_check_names_a_broken_file(
    tmp_path: Path, environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "m.gguf"
    broken.write_bytes(DATA[:-1])
    assert main(["check", str(broken)], environ) == 8
    assert "cut short" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["pull"], 2, "No model is named"),
        (["pull", "a b"], 2, "not a valid model"),
        (["show", "--slots", "0"], 2, "SLOTS"),
        (["pull", NAME, "--hfx-token", "hush"], 2, "--hfx-token"),
        (["dance"], 2, "dance"),
        ([], 2, "COMMAND"),
        (["show", NAME], 3, "is not on this machine"),
        (["pull", "hf.co/user/repo:Q2_K"], 3, "Q4_0, Q8_0"),
        (["pull", "hf.co/user/gated"], 4, "gated"),
        (["pull", "hf.co/user/tensors"], 5, "no GGUF"),
        (["pull", "hf.co/user/odd"], 6, "no commit"),
        (["pull", NAME, "--models-dir", "/proc/models"], 7, "cannot be used"),
        (["serve", "a", "--host", "::"], 2, "there is no key"),
        (["check", "a", "--host", "::"], 2, "there is no key"),
    ],
)
def test_a_failure_has_its_code_and_one_sentence(
    environ: dict[str, str],
    weights: Weights,
    capsys: pytest.CaptureFixture[str],
    argv: list[str],
    code: int,
    words: str,
) -> None:
    weights.add_hub("user/gated", {"m-Q8_0.gguf": DATA}, token="hf_x", gated=True)
    weights.add_hub("user/tensors", {"model.safetensors": b"x"})
    weights.hub.route("GET", "/api/models/user/odd/revision/main", json_answer({}))
    assert main(argv, environ) == code
    told = capsys.readouterr().err.splitlines()[-1]
    assert words in told
    assert "hush" not in told
    assert code in dict(EXIT_CODES)


def test_a_failure_in_json_has_its_kind_and_the_next_step(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", NAME, "--json"], environ) == 3
    told = _lines(capsys.readouterr().out)[-1]
    assert told["kind"] == "ModelNotFound"
    assert NAME in str(told["next_step"])


def test_every_kind_of_failure_has_a_documented_code() -> None:
    kinds: list[type[InferenceError]] = [InferenceError, *InferenceError.__subclasses__()]
    assert {kind.exit_code for kind in kinds} <= set(dict(EXIT_CODES))


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_pull_ends_quietly_and_goes_on_later(
    environ: dict[str, str], weights: Weights
) -> None:
    command = [sys.executable, "-m", "inference", "pull", NAME]
    weights.cdn.hang("", times=1)
    child = subprocess.Popen(
        command, env={**os.environ, **environ}, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stderr
    for line in child.stderr:
        if b"bytes of" in line:
            child.send_signal(signal.SIGINT)
            break
    rest = child.communicate()[1]
    assert child.returncode == 130
    assert b"Traceback" not in rest
    weights.cdn.heal()
    assert main(["pull", NAME], environ) == 0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (29, "29 s"), (90, "2 min"), (4800, "1 h 20 min")]
)
def test_a_duration_is_told_as_people_do(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
