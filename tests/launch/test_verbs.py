"""Verbs as a user calls them: the same result twice, gone on with, and refused clearly."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kata.launch.cli import main

SENTENCE = "put the red cube in the drawer, then close it"
CALLS = ["open(drawer)", "pick(red_cube)", "place_in(red_cube, drawer)", "close(drawer)"]


def call(folder: Path, *line: str) -> dict[str, Any]:
    assert main([*line, f"out={folder}"]) == 0
    result = json.loads((folder / "result.json").read_text())
    del result["seconds"]
    return dict(result)


def test_plan_repeats_itself(tmp_path: Path) -> None:
    first = call(tmp_path / "a", "plan", SENTENCE)
    assert first == call(tmp_path / "b", "plan", SENTENCE)
    assert (first["status"], first["calls"]) == ("plan", CALLS)


@pytest.mark.parametrize(
    ("sentence", "status"),
    [
        ("put the cube in the drawer", "ambiguous"),
        ("fry me an egg", "not_understood"),
        ("open the shelf", "missing_skill"),
    ],
)
def test_a_sentence_without_a_plan_is_answered(
    sentence: str, status: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", sentence, f"out={tmp_path / 'run'}"]) == 1
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert (result["status"], result["calls"]) == (status, [])
    assert result["message"] in capsys.readouterr().out


def test_evaluation_repeats_itself_with_any_number_of_workers(tmp_path: Path) -> None:
    line = ("evaluate", "skill=press", "policy=expert", "trials=12", "seed=3")
    first = call(tmp_path / "a", *line)
    assert first == call(tmp_path / "b", *line, "workers=2")
    assert first["trials"] == 12
    assert first["interval"][0] <= first["rate"] <= first["interval"][1]


def test_evaluation_goes_on_after_its_finished_blocks(tmp_path: Path) -> None:
    line = ("evaluate", "skill=press", "policy=expert", "trials=20", "seed=3")
    first = call(tmp_path / "a", *line)
    kept, lost = sorted((tmp_path / "a/parts").iterdir())
    lost.unlink()
    (tmp_path / "a/result.json").unlink()
    stamp = kept.stat().st_mtime_ns
    assert call(tmp_path / "a", *line) == first
    assert kept.stat().st_mtime_ns == stamp


def test_recording_goes_on_and_keeps_what_there_is(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert call(folder, "record", "skill=close", "episodes=2")["episodes"] == 2
    data = sorted((folder / "data").rglob("*.parquet"))
    before = [path.read_bytes() for path in data]
    assert main(["record", "skill=close", "episodes=3", f"out={folder}"]) == 2
    assert call(folder, "record", "skill=close", "episodes=2")["episodes"] == 2
    assert [path.read_bytes() for path in data] == before


def test_no_episodes_are_no_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "none"
    assert main(["record", "skill=pick", "episodes=0", f"out={folder}"]) == 2
    assert "no episodes (in episodes)" in capsys.readouterr().err
    assert not folder.exists()


def test_without_opengl_a_trial_is_not_filmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kata.launch.graphics.choose", lambda: "")
    assert main(["run", "open the drawer", f"out={tmp_path / 'run'}"]) == 0
    assert not (tmp_path / "run" / "run.mp4").exists()


def test_train_then_evaluate_what_was_trained(tmp_path: Path) -> None:
    call(tmp_path / "data", "record", "skill=close", "episodes=2")
    small = ("steps=20", "policy=regression", "policy.hidden=16")
    line = ("train", "skill=close", f"data={tmp_path / 'data'}", *small)
    trained = call(tmp_path / "a", *line)
    assert trained["demonstrations"] == 2
    call(tmp_path / "b", *line)
    weights = [tmp_path / f"{name}/close-1.0.0/policy.safetensors" for name in "ab"]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    policy = f"policy={tmp_path / 'a'}"
    result = call(tmp_path / "e", "evaluate", "skill=close", policy, "trials=1")
    assert result["policy"] == "close-1.0.0"
    assert main(["evaluate", "skill=open", policy, f"out={tmp_path / 'x'}"]) == 2


def test_what_was_trained_can_join_the_library(tmp_path: Path) -> None:
    call(tmp_path / "data", "record", "skill=close", "episodes=2")
    small = ("steps=20", "policy=regression", "policy.hidden=16")
    call(tmp_path / "a", "train", "skill=close", f"data={tmp_path / 'data'}", *small)
    added = call(tmp_path / "l", "library", "add", str(tmp_path / "a"))
    assert (added["name"], added["version"]) == ("close", "1.0.0")
    shown = call(tmp_path / "s", "library", "show", "close@1.0.0")
    assert shown["skill"]["policy"] == "learned"


def test_training_needs_data_of_the_robot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(tmp_path / "data", "record", "skill=close", "episodes=1")
    (tmp_path / "robot.xml").write_text(
        "<mujoco><worldbody><body><joint name='j' range='-1 1'/><geom size='.1'/></body>"
        "</worldbody></mujoco>"
    )
    call(tmp_path / "add", "robot", "add", str(tmp_path / "robot.xml"))
    line = ["train", "skill=close", f"data={tmp_path / 'data'}", "robot=robot"]
    assert main([*line, f"out={tmp_path / 'x'}"]) == 2
    assert "dataset of another robot" in capsys.readouterr().err


def test_an_altered_package_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(tmp_path / "l", "library", "list")
    home = Path(os.environ["KATA_HOME"])
    contract = home / "library/skills/press-0.1.0/skill.yaml"
    contract.write_text(contract.read_text().replace("cost: 4.0", "cost: 1.0"))
    assert main(["evaluate", "skill=press", "trials=1", f"out={tmp_path / 'x'}"]) == 2
    assert "altered skill.yaml" in capsys.readouterr().err
    assert main(["library", "verify", f"out={tmp_path / 'v'}"]) == 1


def test_run_films_a_single_trial(tmp_path: Path) -> None:
    result = call(tmp_path / "run", "run", "close the drawer, then open it")
    assert result["status"] == "plan"
    assert result["full"]["successes"] == 1
    assert (tmp_path / "run" / result["video"]).stat().st_size > 1000


def test_run_pairs_its_handovers(tmp_path: Path) -> None:
    line = ("run", "open the drawer", "trials=2", "handover=all", "video=false")
    result = call(tmp_path / "run", *line)
    assert {"naive", "blended", "full"} <= set(result)
    episodes = json.loads((tmp_path / "run/episodes.json").read_text())
    seeds = {tuple(episode["seed"] for episode in runs) for runs in episodes.values()}
    assert len(seeds) == 1


def test_a_sweep_runs_each_combination(tmp_path: Path) -> None:
    line = ["plan", "open the drawer", "-m", "seed=1,2", f"out={tmp_path / 'sweep'}"]
    assert main(line) == 0
    summary = json.loads((tmp_path / "sweep/result.json").read_text())
    assert [run["result"]["seed"] for run in summary["runs"]] == [1, 2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_how_to_go_on(number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    line = ["evaluate", "skill=press", "policy=expert", "trials=100000", f"out={folder}"]
    program = [sys.executable, "-m", "kata.launch.cli", *line, "workers=2"]
    child = subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not any((folder / "parts").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(number)
    _, told = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in told
    expected = " ".join(["kata", *line[:-1], "workers=2", f"out={folder}"])
    assert told.splitlines()[-1] == f"interrupted; go on with: {expected}"
