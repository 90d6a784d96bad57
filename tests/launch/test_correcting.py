"""`kata run correct=`: a script or the terminal changes what runs, and the outcome is kept."""

import io
import json
import time
from pathlib import Path

import pytest

from kata.datasets.types import ConfigError
from kata.launch.cli import main
from kata.launch.correcting import Script, Terminal
from kata.skills.testing import FakeWorld


def run(tmp_path: Path, script: str, *more: str) -> tuple[dict, list[dict], list[dict]]:
    said = tmp_path / "said.txt"
    said.write_text(script)
    out = tmp_path / "run"
    line = ["run", "pick the red cube", f"correct={said}", "video=false", f"out={out}", *more]
    assert main(line) == 0
    episodes = json.loads((out / "episodes.json").read_text())["full"]
    log = out / "corrections.jsonl"
    heard = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return json.loads((out / "result.json").read_text()), episodes, heard


def test_another_thing_is_taken_and_kept_with_its_outcome(tmp_path: Path) -> None:
    result, (episode,), heard = run(tmp_path, "# blue, please\n0.5: not that one, the blue one\n")
    assert result["full"]["successes"] == 1
    assert result["corrections"] == 1
    assert [event["kind"] for event in episode["events"]].count("corrected") == 1
    assert episode["spans"][-1]["call"] == "pick(blue_cube)"
    assert "heard" not in episode
    (said,) = [line for line in heard if line["text"]]
    assert said["meaning"] == "blue_cube instead of red_cube"
    assert (said["call"], said["outcome"]) == ("pick(red_cube)", "corrected")
    quiet = [line for line in heard if not line["text"]]
    assert quiet
    assert {line["success"] for line in quiet} == {True}
    assert len(said["tool"]) == 7
    assert len(said["things"]) == 1


def test_a_shift_makes_the_pick_miss_and_is_heard_in_every_episode(tmp_path: Path) -> None:
    result, episodes, heard = run(tmp_path, "0: 5 cm to the left\n", "trials=2", "replans=0")
    assert result["full"]["successes"] == 0
    assert len([line for line in heard if line["text"]]) == 2
    assert {line["seed"] for line in heard} == {episode["seed"] for episode in episodes}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("left", "line 1"),
        ("1.5 left", "SECONDS: TEXT"),
        ("1: stop\nx: y", "line 2"),
        ("#" * 70_000, "too long"),
    ],
)
def test_a_script_that_cannot_be_read_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "said.txt").write_text(text)
    with pytest.raises(ConfigError, match=message):
        Script.read(tmp_path / "said.txt")


def test_no_script_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read what is to be said"):
        Script.read(tmp_path / "nothing.txt")


def test_each_run_begins_the_script_anew() -> None:
    script = Script(((0.0, "slower"), (0.0, "stop"), (9.0, "faster")))
    world = FakeWorld()
    for _ in range(2):
        reader = script.begin()
        assert reader.says(world.observe(), world.facts(), None) == ["slower", "stop"]
        assert reader.says(world.observe(), world.facts(), None) == []


def test_what_is_typed_is_heard_once() -> None:
    terminal = Terminal(io.StringIO("slower\n\n  stop \n"))
    world, heard = FakeWorld(), []
    voice = terminal.begin()
    for _ in range(100):
        heard += voice.says(world.observe(), world.facts(), None)
        if len(heard) == 2:
            break
        time.sleep(0.01)
    assert heard == ["slower", "stop"]


def test_several_runs_cannot_be_talked_to(tmp_path: Path, capsys) -> None:
    line = ["run", "pick the red cube", "correct=-", "trials=2", f"out={tmp_path / 'run'}"]
    assert main(line) == 2
    assert "only one run can be talked to" in capsys.readouterr().err
