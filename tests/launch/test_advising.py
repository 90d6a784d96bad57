"""`kata plan learn` makes an advisor of what was said in runs; `advisor=` lets it speak."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kata.launch.advising import Together
from kata.launch.cli import main
from kata.skills.execution.advisor_storage import load_advisor
from kata.skills.execution.correcting import moment_data
from kata.skills.testing import FakeWorld

LEFT = ("5 cm to the left", "target moved by (0, 0.05, 0) m")


def lines_of(runs: int = 20) -> list[str]:
    """Runs of `pick(red_cube)`, in each of which a person speaks half a second after its start."""
    world = FakeWorld()
    usual = moment_data(world.observe(), world.facts(), None, 0.0, 0.0)
    usual = replace(usual, call="pick(red_cube)", things=(usual.tool,))
    lines = []
    for seed in range(runs):
        for time_s, text, meaning in ((0.5, *LEFT), (2.0, "", ""), (3.0, "", "")):
            data = replace(usual, time_s=time_s, age_s=time_s, text=text, meaning=meaning).to_data()
            lines.append(json.dumps({**data, "seed": seed, "success": True, "outcome": "done"}))
    return lines


def log_of(folder: Path, lines: list[str]) -> Path:
    folder.mkdir()
    (folder / "corrections.jsonl").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learn")
    old, new = log_of(folder / "a", lines_of(10)), log_of(folder / "b", lines_of(10))
    out = folder / "advisor"
    assert main(["plan", "learn", f"data={old},{new}", f"out={out}"]) == 0
    return out


def refused(capsys: pytest.CaptureFixture[str], *line: str) -> str:
    assert main(["plan", "learn", *line]) == 2
    return capsys.readouterr().err


def test_an_advisor_is_learned_from_all_folders(taught: Path) -> None:
    result = json.loads((taught / "result.json").read_text())
    assert (result["runs"], result["corrections"], result["moments"]) == (20, 20, 60)
    assert result["commands"] == ["5 cm to the left"]
    assert result["held_out_hits"] == 1.0
    assert result["held_out_false_alarms"] == 0.0
    assert load_advisor(taught).vocabulary.commands == ((LEFT[1], LEFT[0]),)


def test_equal_data_give_an_equal_advisor(taught: Path, tmp_path: Path) -> None:
    old, new = log_of(tmp_path / "a", lines_of(10)), log_of(tmp_path / "b", lines_of(10))
    assert main(["plan", "learn", f"data={old},{new}", f"out={tmp_path / 'out'}"]) == 0
    for name in ("advisor.json", "advisor.safetensors"):
        assert (tmp_path / "out" / name).read_bytes() == (taught / name).read_bytes()


def test_without_data_it_asks(capsys: pytest.CaptureFixture[str]) -> None:
    assert "what is to be learned from?" in refused(capsys)


def test_a_folder_without_corrections_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refused(capsys, f"data={tmp_path}", f"out={tmp_path / 'out'}")
    assert "nothing that was said in a run" in told
    assert "correct=-" in told
    quiet = [line for line in lines_of() if not json.loads(line)["text"]]
    silent = log_of(tmp_path / "silent", quiet)
    told = refused(capsys, f"data={silent}", f"out={tmp_path / 'out2'}")
    assert "0 different corrections in 20 runs" in told


@pytest.mark.parametrize("line", ["{", "[]", "3", '{"time_s": 1}', "[" * 100_000, '"text"'])
def test_a_broken_line_is_told_with_its_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    lines = lines_of()
    lines[6] = line
    told = refused(capsys, f"data={log_of(tmp_path / 'a', lines)}", f"out={tmp_path / 'out'}")
    assert "not what was said" in told
    assert "corrections.jsonl:7" in told


def test_the_advisor_speaks_in_a_run_and_is_logged_as_one(taught: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    line = ["run", "pick the red cube", f"advisor={taught}", "video=false", f"out={out}"]
    main([*line, "replans=0"])
    log = (out / "corrections.jsonl").read_text().splitlines()
    said = [entry for entry in map(json.loads, log) if entry["text"]]
    assert [entry["text"] for entry in said] == ["5 cm to the left"]
    assert said[0]["advised"] is True
    assert said[0]["call"] == "pick(red_cube)"


def test_no_advisor_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["run", "pick the red cube", f"advisor={tmp_path / 'none'}", f"out={tmp_path / 'run'}"]
    assert main(line) == 2
    assert "no advisor there" in capsys.readouterr().err


class Says:
    def __init__(self, *texts: str) -> None:
        self.texts = texts

    def says(self, observation: object, facts: object, call: object) -> tuple[str, ...]:
        return self.texts


def test_a_person_comes_before_an_advisor() -> None:
    world = FakeWorld()
    now = world.observe(), world.facts(), None
    assert Together([Says("slower"), Says("lower")]).says(*now) == ("slower",)
    assert Together([Says(), Says("lower")]).says(*now) == ("lower",)
    assert not Together([Says(), Says()]).says(*now)
