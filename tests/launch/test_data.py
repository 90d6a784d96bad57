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


@pytest.mark.parametrize(
    ("form", "back"),
    [
        ("lerobot", "from={out}"),
        ("robomimic", "from={out}/dataset.hdf5"),
        ("mcap", "bag={out}"),
    ],
)
def test_a_dataset_goes_out_and_comes_back(
    form: str, back: str, demos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    assert main(["data", "export", str(demos), f"format={form}", f"out={out}"]) == 0
    line = ["data", "import", back.format(out=out), f"out={again}"]
    assert main(line) == 0
    assert "read back and compared: 23 columns are the same" in capsys.readouterr().out
    assert result(out)["content"] == result(again)["content"]
    assert main(["data", "check", str(again), f"out={tmp_path / 'run'}"]) == 0
    assert main(line) == 2
    assert "there is something already" in capsys.readouterr().err


ERRORS = {
    "import": "what to import? (in kata data import)",
    "import from=a bag=b": "one thing at a time (in kata data import)",
    "import from=none.hdf5": "no such file (in none.hdf5)",
    "import from=none": "no dataset here (in none)",
    "import bag=none": "no bag here (in none)",
    "import from=x.mcap": "a bag (in from=x.mcap)",
    "import DIR from=x": "too many words (in kata data import)",
    "export": "DIR is missing (in kata data export)",
    "export none": "no format (in kata data export)",
    "export none format=lerobot": "no dataset here (in none)",
    "export none format=zip": "unknown format 'zip' (in format)",
    "export none format=mcap drop=[a]": "not episodes (in drop)",
    "check": "DIR is missing (in kata data check)",
    "check none": "no dataset here (in none)",
    "import bag=none map=none.yaml": "cannot read the map (in none.yaml)",
}


@pytest.mark.parametrize("words", ERRORS)
def test_a_wrong_request_is_refused_and_leaves_nothing(
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", *words.split(), "out=run"]) == 2
    assert ERRORS[words] in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
