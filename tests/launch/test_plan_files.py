"""Plans as files: out, looked at, changed by hand, checked, and carried out."""

import json
from pathlib import Path

import pytest

from kata.launch.cli import main

SENTENCE = "put the red cube in the drawer, then close it"
CALLS = ["open(drawer)", "pick(red_cube)", "place_in(red_cube, drawer)", "close(drawer)"]


def result(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "result.json").read_text()))


def export(tmp_path: Path, name: str) -> Path:
    file = tmp_path / f"plan.{name}"
    line = ["plan", "export", SENTENCE, f"format={name}", f"to={file}"]
    assert main([*line, f"out={tmp_path / name}"]) == 0
    return file


@pytest.mark.parametrize("name", ["xml", "json"])
def test_a_plan_comes_back_and_is_checked(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = export(tmp_path, name)
    assert f"next: kata plan import {file}" in capsys.readouterr().out
    assert main(["plan", "import", str(file), f"out={tmp_path / 'in'}"]) == 0
    found = result(tmp_path / "in")
    assert (found["calls"], found["planner"], found["wrong"]) == (CALLS, "file", [])
    assert f"next: kata run plan={file}" in capsys.readouterr().out


def test_a_problem_is_written_for_other_planners(tmp_path: Path) -> None:
    folder = tmp_path / "pddl"
    line = ["plan", "export", SENTENCE, "format=pddl", f"to={folder}"]
    assert main([*line, f"out={tmp_path / 'run'}"]) == 0
    assert (folder / "domain.pddl").read_text().startswith("(define (domain")
    assert "(closed drawer)" in (folder / "problem.pddl").read_text()
    assert main(["plan", "import", str(folder / "plan.txt"), f"out={tmp_path / 'in'}"]) == 0
    assert result(tmp_path / "in")["calls"] == CALLS


@pytest.mark.parametrize(("name", "sign"), [("dot", "digraph"), ("svg", "<svg"), ("text", "goal:")])
def test_pictures_are_written(name: str, sign: str, tmp_path: Path) -> None:
    assert main(["plan", "export", SENTENCE, f"format={name}", f"out={tmp_path / 'run'}"]) == 0
    file = Path(str(result(tmp_path / "run")["file"]))
    assert file.parent == tmp_path / "run"
    assert file.read_text().startswith(sign)


def test_a_changed_plan_that_does_not_hold_is_told_and_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = export(tmp_path, "json")
    file.write_text(file.read_text().replace('{"call": "open(drawer)"', '{"call": "press(button)"'))
    assert main(["plan", "import", str(file), f"out={tmp_path / 'in'}"]) == 1
    wrong = (
        "call 3, place_in(red_cube, drawer): needs open(drawer); open(drawer) would make it true"
    )
    assert wrong in capsys.readouterr().out
    assert main(["run", f"plan={file}", f"out={tmp_path / 'run'}"]) == 1
    assert wrong in capsys.readouterr().out
    assert not (tmp_path / "run" / "episodes.json").exists()


def test_a_plan_of_a_file_is_carried_out(tmp_path: Path) -> None:
    file = export(tmp_path, "xml")
    text = file.read_text().replace('"close(drawer)"', '"close it"')
    file.write_text(text)
    assert main(["run", f"plan={file}", "video=false", f"out={tmp_path / 'run'}"]) == 0
    found = result(tmp_path / "run")
    assert found["calls"] == CALLS
    assert dict(found["full"])["successes"] == 1  # type: ignore[call-overload]


def test_a_sentence_without_a_plan_is_no_file(tmp_path: Path) -> None:
    line = ["plan", "export", "fry me an egg", f"to={tmp_path / 'p.xml'}"]
    assert main([*line, f"out={tmp_path / 'run'}"]) == 1
    assert not (tmp_path / "p.xml").exists()
