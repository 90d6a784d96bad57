"""Sweeps: the same results one by one or side by side; a failure costs only its own run."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from kata.launch import sweeping
from kata.launch.cli import main
from kata.launch.running import run_once
from kata.skills.evidence.pool import WorkerLostError
from kata.skills.evidence.workers import Workers

LINE = ["evaluate", "policy=expert", "skill=press,close", "trials=2,3"]


def runs(folder: Path) -> list[dict[str, Any]]:
    found = json.loads((folder / "result.json").read_text())["runs"]
    for run in found:
        run["result"].pop("seconds", None)
    return list(found)


def test_side_by_side_is_as_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for name, keys in (("serial", []), ("spread", ["workers=2"])):
        assert main([*LINE, *keys, "-m", f"out={tmp_path / name}"]) == 0
        said.append(capsys.readouterr().out.replace(str(tmp_path / name), ""))
    assert said[0] == said[1]
    assert said[0].startswith("[1/4] kata evaluate policy=expert skill=press trials=2\n")
    assert runs(tmp_path / "serial") == runs(tmp_path / "spread")
    overrides = [run["overrides"] for run in runs(tmp_path / "spread")]
    assert overrides[1:3] == [
        ["policy=expert", "skill=press", "trials=3"],
        ["policy=expert", "skill=close", "trials=2"],
    ]


def test_a_verb_without_workers_is_spread_too(tmp_path: Path) -> None:
    line = ["plan", "open the drawer", "-m", "seed=1,2", "workers=2", f"out={tmp_path / 'sweep'}"]
    assert main(line) == 0
    assert [run["result"]["seed"] for run in runs(tmp_path / "sweep")] == [1, 2]


@pytest.mark.parametrize("keys", [[], ["workers=2"]])
def test_a_run_that_fails_costs_only_itself(
    keys: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["evaluate", "policy=expert", "skill=press", "trials=0,1", *keys, "-m"]
    assert main([*line, f"out={tmp_path / 'sweep'}"]) == 2
    assert capsys.readouterr().err.count("error: no trials") == 1
    failed, fine = runs(tmp_path / "sweep")
    assert failed["error"].startswith("no trials")
    assert failed["result"] == {}
    assert fine["result"]["trials"] == 1
    assert "error" not in fine


class DyingPool:
    """Answers here, but whatever is at the first run of a sweep dies."""

    size = 2

    def start(self) -> None:
        """Nothing to start."""

    def submit(self, call: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        return call, tuple(arguments)

    def finished(self, tickets: Collection[Any], timeout_s: float) -> list[Any]:
        return list(tickets)

    def result(self, ticket: Any) -> Any:
        call, (one,) = ticket
        if one.title.startswith("[1/"):
            raise WorkerLostError("exit code 3")
        return call(one)

    def close(self) -> None:
        """Nothing to end."""


def test_a_run_whose_workers_die_costs_only_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping.build, "workers", lambda *_: Workers(2, DyingPool()))
    line = ["plan", "open the drawer", "-m", "seed=1,2", "workers=2", f"out={tmp_path / 'sweep'}"]
    assert main(line) == 1
    died, fine = runs(tmp_path / "sweep")
    assert died["error"].startswith("a worker process died (in run 0)\n")
    assert (died["result"], fine["result"]["seed"]) == ({}, 2)
    said = capsys.readouterr()
    assert said.out.startswith("[1/2] kata plan open the drawer seed=1\n[2/2] kata plan ")
    assert said.err.count("error: a worker process died (in run 0)\n") == 1


def test_an_unforeseen_error_costs_only_its_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsound(config: Any, rest: list[str]) -> tuple[int, dict[str, Any]]:
        return run_once(config, rest) if config.seed > 1 else divmod(1, 0)

    monkeypatch.setattr(sweeping, "run_once", unsound)
    assert main(["plan", "open the drawer", "-m", "seed=1,2", f"out={tmp_path / 'sweep'}"]) == 1
    failed, fine = runs(tmp_path / "sweep")
    assert failed["error"] == "ZeroDivisionError: integer division or modulo by zero"
    assert (failed["result"], fine["result"]["seed"]) == ({}, 2)
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["skill=press,pick", "sede=1,2"], "did you mean 'seed'?"),
        (["skill=press,pick", "workers=two"], "a value of another kind (in workers)"),
        (["skill=press,pick", "runtime=rya"], "did you mean 'ray'?"),
        (["skill=press,pick", "trials=1,many"], "a value of another kind (in trials)"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(
    keys: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "policy=expert", *keys, "-m", f"out={tmp_path / 'sweep'}"]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "sweep").exists()


def test_workers_may_be_what_is_swept(tmp_path: Path) -> None:
    line = ["evaluate", "policy=expert", "skill=press", "trials=1", "workers=1,2", "-m"]
    assert main([*line, f"out={tmp_path / 'sweep'}"]) == 0
    assert [run["overrides"][-1] for run in runs(tmp_path / "sweep")] == ["workers=1", "workers=2"]


@pytest.mark.parametrize("keys", [[], ["workers=2"]])
def test_interrupted_it_says_how_to_go_on(keys: list[str], tmp_path: Path) -> None:
    line = ["evaluate", "policy=expert", "skill=press", "trials=1,100000", *keys, "--multirun"]
    program = [sys.executable, "-m", "kata.launch.cli", *line, f"out={tmp_path}"]
    # What a script runs in the background ignores Ctrl-C, and so would a child of it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    child = subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 60
    while not any((tmp_path / "1" / "parts").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in told
    expected = " ".join(["kata", *line, f"out={tmp_path}"])
    assert told.splitlines()[-1] == f"interrupted; again with: {expected}"
