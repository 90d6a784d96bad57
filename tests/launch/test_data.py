"""`kata data check` and the gate before a training, as a user meets them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kata.launch.cli import main


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demos") / "pick"
    line = ["record", "skill=pick", "episodes=4", "noise=0.0025", f"out={root}"]
    assert main(line) == 0
    return root


@pytest.fixture
def broken(demos: Path, tmp_path: Path) -> Path:
    """The same demonstrations with a value that is no number, in every episode."""
    import shutil

    root = tmp_path / "broken"
    shutil.copytree(demos, root)
    for path in root.glob("data/*/*.parquet"):
        table = pq.read_table(path, partitioning=None)
        place = table.schema.get_field_index("action")
        rows = table["action"].to_pylist()
        rows[7][2] = float("nan")
        column = pa.array(rows, table.schema.field(place).type)
        pq.write_table(table.set_column(place, table.schema.field(place), column), path)
    return root


def result(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "result.json").read_text()))


def test_recorded_demonstrations_have_the_full_score(demos: Path, tmp_path: Path) -> None:
    assert main(["data", "check", str(demos), f"out={tmp_path / 'run'}"]) == 0
    found = result(tmp_path / "run")
    assert (found["score"], found["faults"], found["unchecked"]) == (100, [], [])


def test_a_fault_is_told_with_its_place_and_the_exit_code(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(broken), f"out={tmp_path / 'run'}"]) == 1
    shown = capsys.readouterr().out
    assert "score 40 of 100: 4 episodes" in shown
    assert "serious not_a_number (-60): a value is NaN or infinite" in shown
    assert "    episode 0, frame 7, key action: in 1 frames, number 2 of 8" in shown
    assert "below least_score=60: kata train refuses it" in shown
    found = result(tmp_path / "run")
    assert found["drop"] == [0, 1, 2, 3]
    assert found["faults"][0]["episode"] == 0
    assert main(["data", "check", str(broken), "least_score=40", f"out={tmp_path / 'b'}"]) == 0


def test_training_refuses_what_scores_too_low_unless_told(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["train", "skill=pick", f"data={broken}", "steps=2", f"out={tmp_path / 'learned'}"]
    assert main(line) == 2
    shown = capsys.readouterr().err
    assert "a dataset that is not fit to learn from" in shown
    assert "not_a_number at episode 0, frame 7, key action" in shown
    assert "least_score=0 trains all the same" in shown
    assert not (tmp_path / "learned").exists()


@pytest.mark.parametrize("least", ["-1", "101"])
def test_an_impossible_score_is_refused(
    least: str, demos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(demos), f"least_score={least}"]) == 2
    assert "impossible score (in least_score)" in capsys.readouterr().err
