"""Every message that a user's mistake brings, pinned word by word."""

from pathlib import Path

import pytest

from kata.launch.cli import main

HERE = Path(__file__).parent
CASES = {
    "unknown_verb": ["recrod"],
    "verb_of_a_later_version": ["segment"],
    "unknown_key": ["plan", "close the drawer", "sede=1"],
    "unknown_group_option": ["plan", "close the drawer", "robot=pnada"],
    "unknown_nested_key": ["plan", "close the drawer", "robot.sumary=x"],
    "unknown_flag": ["plan", "close the drawer", "--sead", "1"],
    "flag_that_is_a_key": ["plan", "close the drawer", "--seed=1"],
    "words_too_late": ["plan", "seed=1", "close the drawer"],
    "words_where_none_are_taken": ["record", "pick"],
    "missing_key": ["record"],
    "missing_keys": ["train"],
    "broken_value": ["plan", "close the drawer", "seed=[1"],
    "unknown_skill": ["record", "skill=pikc", "out=run"],
}


@pytest.mark.parametrize("case", CASES)
def test_message(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main(CASES[case])
    shown = capsys.readouterr()
    expected = (HERE / "messages" / f"{case}.txt").read_text()
    assert (code, shown.err, shown.out) == (2, expected, "")


def test_every_pinned_message_is_checked() -> None:
    assert {path.stem for path in (HERE / "messages").iterdir()} == set(CASES)
