"""Evaluation to the last failure: the same whatever runs beside what, recorded, shown again."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from kata.datasets.types import ConfigError, UnknownNameError
from kata.launch import build
from kata.launch.cli import main
from kata.launch.knowledge import known_of
from kata.launch.replays import world_of
from kata.skills.evidence.replay import Replay
from kata.skills.evidence.replay_file import read_replay


def call(folder: Path, *line: str, code: int = 0) -> dict[str, Any]:
    assert main([*line, f"out={folder}"]) == code
    result = json.loads((folder / "result.json").read_text())
    del result["seconds"]
    return dict(result)


@pytest.fixture(scope="module")
def novice(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A policy that has learned next to nothing, so that it fails."""
    folder = tmp_path_factory.mktemp("novice")
    patch = pytest.MonkeyPatch()
    patch.setenv("KATA_HOME", str(folder / "home"))
    call(folder / "data", "record", "skill=close", "episodes=2")
    small = ("train.steps=40", "policy=regression", "policy.hidden=16", "least_score=0")
    line = ("train", "skill=close", f"data={folder / 'data'}", *small)
    call(folder / "learned", *line)
    patch.undo()
    return str(folder / "learned")


def evaluated(novice: str) -> tuple[str, ...]:
    """What measures it; each test has a key of its own, which did not sign it."""
    line = ("evaluate", "skill=close", f"policy={novice}", "trials=12", "start=both", "seed=1")
    return (*line, "allow_unsigned=true")


@pytest.fixture(scope="module")
def measured(novice: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("measured") / "run"
    call(folder, *evaluated(novice))
    return folder


def test_failures_are_kept_worst_first_and_small(measured: Path) -> None:
    result = json.loads((measured / "result.json").read_text())
    failures = result["failures"]
    assert len(failures) == result["trials"] - result["successes"] > 0
    replays = [read_replay(measured / failure["replay"]) for failure in failures]
    assert [replay.severity for replay in replays] == sorted(r.severity for r in replays)
    for failure, replay in zip(failures, replays, strict=True):
        assert (replay.seed, replay.call, replay.kind) == tuple(
            failure[key] for key in ("seed", "call", "kind")
        )
        assert replay.identity == result["identity"] != ""
        assert (measured / failure["replay"]).stat().st_size < 200_000
    assert len(list((measured / "failures").iterdir())) == len(failures)


def test_every_trial_is_told_with_its_start(measured: Path) -> None:
    result = json.loads((measured / "result.json").read_text())
    trials = json.loads((measured / "trials.json").read_text())["trials"]
    assert [trial["seed"] for trial in trials] == result["seeds"]
    assert [trial["start_kind"] for trial in trials] == ["nominal"] * 6 + ["perturbed"] * 6
    assert {trial["path_m"] > 0 for trial in trials} == {True}
    assert set(result["cost"]) == {
        *("duration_s", "path_m", "jerk", "peak_jerk", "greatest_jerk", "limits_hit"),
    }
    for cell in result["cells"]:
        same = [c for c in result["cells"] if c["factor"] == cell["factor"]]
        assert sum(c["trials"] for c in same) == 12


@pytest.mark.parametrize("more", [["vector=1"], ["workers=2", "vector=4"]])
def test_what_runs_beside_what_changes_nothing(
    more: list[str], novice: str, measured: Path, tmp_path: Path
) -> None:
    line = evaluated(novice)
    again = call(tmp_path / "run", *line, *more)
    first = json.loads((measured / "result.json").read_text())
    del first["seconds"]
    assert again == first
    for failure in first["failures"]:
        name = failure["replay"]
        assert (tmp_path / "run" / name).read_text() == (measured / name).read_text()


def test_a_second_run_reads_what_is_there(novice: str, measured: Path) -> None:
    line = evaluated(novice)
    files = sorted((measured / "failures").iterdir())
    stamps = [path.stat().st_mtime_ns for path in files]
    first = json.loads((measured / "result.json").read_text())
    del first["seconds"]
    assert call(measured, *line, "vector=7") == first
    assert [path.stat().st_mtime_ns for path in files] == stamps


def test_a_failure_is_shown_again(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = json.loads((measured / "result.json").read_text())["failures"][0]
    path = measured / failure["replay"]
    result = call(tmp_path / "run", "run", f"replay={path}", "video=true")
    assert result["same"] is True
    assert result["other_software"] == {}
    assert (result["call"], result["kind"]) == (failure["call"], failure["kind"])
    assert (tmp_path / "run" / result["video"]).stat().st_size > 1000
    shown = capsys.readouterr().out
    assert "same end as recorded, to the bit" in shown
    assert "give_up" in shown


def test_an_altered_failure_comes_to_another_end(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.loads(min((measured / "failures").iterdir()).read_text())
    path = tmp_path / "altered.json"
    path.write_text(json.dumps(data | {"seed": data["seed"] + 1}))
    line = ("run", f"replay={path}", "video=false")
    assert call(tmp_path / "run", *line, code=1)["same"] is False
    assert "ANOTHER END than recorded, with the same software" in capsys.readouterr().out
    older = data["software"] | {"mujoco": "2.0"}
    path.write_text(json.dumps(data | {"seed": data["seed"] + 1, "software": older}))
    assert call(tmp_path / "run", *line, code=1)["same"] is False
    assert "the software differs: mujoco 2.0 -> " in capsys.readouterr().out


def world_with(measured: Path, **changes: Any) -> Replay:
    replay = read_replay(min((measured / "failures").iterdir()))
    table = {**replay.world["table"], **changes.pop("table", {})}
    return replay.placed({**replay.world, "table": table, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"table": {"robot": "../../etc/passwd"}}, "not a robot's name"),
        ({"table": {"robot": 3}}, "not a robot's name"),
        ({"table": {"robot": "no_such_robot"}}, "unknown robot"),
        ({"table": {"physics_s": 1e-9, "period_s": 0.01}}, "costs too much"),
        ({"table": {"gravity": 0}}, "unknown key"),
        ({"table": {"objects": 3}}, "cannot be made"),
        ({"table": {"objects": [{"name": 3, "colour": []}]}}, "cannot be made"),
        ({"table": {"drawers": [{"travel_m": "far"}]}}, "cannot be made"),
        ({"table": {"gap_m": None}}, "cannot be made"),
        ({"table": {"area": [1, 2]}}, "does not fit"),
        ({"task": "dance"}, "unknown task"),
        ({"start": "upside_down"}, "unknown start"),
        ({"task": ["pick"]}, "not a task"),
        ({"more": 1}, "a world that cannot be made"),
    ],
)
def test_a_hostile_world_is_not_built(changes: Any, message: str, measured: Path) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        world_of(world_with(measured, **changes), "failure.json")


def test_evidence_goes_to_the_library_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ("evaluate", "skill=press", "version=0.1.0", "trials=10", "interval=clopper-pearson")
    result = call(tmp_path / "a", *line)
    assert "recorded as evidence of press@0.1.0" in capsys.readouterr().out
    call(tmp_path / "b", *line)
    assert "recorded" not in capsys.readouterr().out, "the same is recorded once"
    shown = call(tmp_path / "s", "library", "show", "press@0.1.0")
    (record,) = [r for r in shown["records"] if r["kind"] == "evidence"]
    data = record["data"]
    assert (data["trials"], data["successes"]) == (10, result["successes"])
    assert data["interval"] == result["interval"]
    assert data["interval_method"] == "clopper-pearson"
    assert data["seeds"] == result["seeds"]
    assert {"robot", "world", "software", "cost", "start", "seed"} <= set(data)
    home = Path(os.environ["KATA_HOME"])
    assert list((home / "library/records").glob("*/*-evidence.json"))


def test_a_version_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["evaluate", "skill=press", "version=9.0.0", "trials=1", f"out={tmp_path / 'x'}"]
    assert main(line) == 2
    assert "unknown version of 'press' '9.0.0'" in capsys.readouterr().err


def test_the_planner_goes_by_nominal_starts() -> None:
    library = build.library(None)
    entry = library.show("press")
    for start, rate in (("nominal", 0.9), ("perturbed", 0.1)):
        library.record(entry, "evidence", {"robot": "panda", "start": start, "rate": rate})
    assert known_of(library, "panda").success["press"] == 0.9
