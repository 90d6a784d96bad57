"""Every message that a user's mistake brings, pinned word by word."""

from pathlib import Path

import pytest

from kata.launch.cli import main

HERE = Path(__file__).parent
CASES = {
    "unknown_verb": ["recrod"],
    "segment_of_nothing": ["segment", "out=run"],
    "segment_of_no_dataset": ["segment", "data=nowhere", "out=run"],
    "segment_without_cuts": ["segment", "apply", "out=run"],
    "segment_from_no_file": ["segment", "apply", "nowhere.yaml", "out=run"],
    "unknown_segment_action": ["segment", "aply", "data=nowhere", "out=run"],
    "unknown_key": ["plan", "close the drawer", "sede=1"],
    "unknown_group_option": ["plan", "close the drawer", "world=tabel"],
    "unknown_nested_key": ["plan", "close the drawer", "world.gap=0.1"],
    "unknown_flag": ["plan", "close the drawer", "--sead", "1"],
    "flag_that_is_a_key": ["plan", "close the drawer", "--seed=1"],
    "words_too_late": ["plan", "seed=1", "close the drawer"],
    "words_where_none_are_taken": ["record", "pick"],
    "missing_key": ["record"],
    "missing_keys": ["train"],
    "broken_value": ["plan", "close the drawer", "seed=[1"],
    "no_number": ["run", "close the drawer", "trials=many", "out=run"],
    "no_whole_number": ["plan", "close the drawer", "seed=1.5", "out=run"],
    "no_number_inside": ["train", "skill=pick", "data=nowhere", "train.lr=fast", "out=run"],
    "unknown_skill": ["record", "skill=pikc", "out=run"],
    "unknown_policy": ["train", "skill=pick", "data=nowhere", "policy=difusion", "out=run"],
    "unknown_handover": ["run", "close the drawer", "handover=ful", "out=run"],
    "unknown_start": ["evaluate", "skill=pick", "start=nomnal", "out=run"],
    "unknown_action": ["library", "shw", "out=run"],
    "no_action": ["robot", "out=run"],
    "missing_word": ["library", "show", "out=run"],
    "no_dataset": ["train", "skill=pick", "data=nowhere", "out=run"],
    "no_package": ["evaluate", "skill=pick", "policy=nowhere", "out=run"],
    "no_library": ["plan", "close the drawer", "library=nowhere", "out=run"],
    "no_trials": ["evaluate", "skill=pick", "trials=0", "out=run"],
    "no_vector": ["evaluate", "skill=pick", "vector=0", "out=run"],
    "unknown_interval": ["evaluate", "skill=pick", "interval=wald", "out=run"],
    "version_of_no_library": ["evaluate", "skill=pick", "policy=expert", "version=1", "out=run"],
    "no_graph": ["run", "close the drawer", "graph=nowhere", "out=run"],
    "no_replay": ["run", "replay=nowhere.json", "out=run"],
    "sentence_and_replay": ["run", "close the drawer", "replay=nowhere.json", "out=run"],
    "unknown_format": ["plan", "export", "close the drawer", "format=jsn", "out=run"],
    "no_plan_file": ["plan", "import", "nowhere.xml", "out=run"],
    "import_of_nothing": ["plan", "import", "out=run"],
    "sentence_and_plan": ["run", "close the drawer", "plan=nowhere.xml", "out=run"],
    "one_candidate": ["compare", "a=pick@0.1.0", "out=run"],
    "candidates_twice": ["compare", "a=expert", "candidates=[expert,x]", "out=run"],
    "unknown_reason": ["publish", "skill=pick", "reason=fast", "out=run"],
    "override_without_reason": ["publish", "skill=pick", "override=true", "out=run"],
    "rollback_without_reason": ["library", "rollback", "pick", "out=run"],
    "retire_without_reason": ["library", "retire", "pick", "out=run"],
    "pack_to_nowhere": ["library", "pack", "pick", "out=run"],
    "pack_to_no_archive": ["library", "pack", "pick", "to=pick.rar", "out=run"],
    "install_of_nothing": ["library", "install", "nowhere", "out=run"],
    "install_of_a_page": ["library", "install", "https://me:secret@example.org/pick", "out=run"],
    "install_of_a_program": ["library", "install", "git+ext://sh", "out=run"],
    "install_of_no_revision": ["library", "install", "hf://kata/pick@-x", "out=run"],
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
    left = {path.name for path in tmp_path.iterdir()} - {"kata-home"}
    assert not left, "a refused request leaves nothing behind"


def test_every_pinned_message_is_checked() -> None:
    assert {path.stem for path in (HERE / "messages").iterdir()} == set(CASES)


def test_an_unknown_robot_brings_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The whole message names every robot of the Menagerie, which changes with its version.
    assert main(["plan", "close the drawer", "robot=pandda", f"out={tmp_path / 'run'}"]) == 2
    assert "did you mean 'panda'" in capsys.readouterr().err
