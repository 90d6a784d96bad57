"""What others rely on, frozen: verbs, their keys and defaults, the keys of each result."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from kata.launch.cli import main
from kata.launch.keys import verb_keys, verbs

HERE = Path(__file__).parent
SENTENCE = "put the red cube in the drawer, then close it"
ANSWER = ("status", "goal", "calls", "message", "planner", "rounds", "violations")


def surface() -> dict[str, Any]:
    return {
        verb: {
            "words": verb_keys(verb).words,
            "actions": {action.name: action.word for action in verb_keys(verb).actions},
            "keys": {key.name: key.default for key in verb_keys(verb).keys},
        }
        for verb in verbs()
    }


def test_verbs_and_keys_are_the_ones_that_others_use() -> None:
    # After a wanted change: write the new surface with `python tests/launch/refresh.py`.
    assert surface() == json.loads((HERE / "surface.json").read_text())


@pytest.mark.parametrize("verb", verbs())
def test_every_key_says_what_it_is(verb: str) -> None:
    silent = [key.name for key in verb_keys(verb).keys if not key.help]
    assert not silent


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_has_a_module_and_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(verb_keys(verb).summary)
    assert all(f"  {key.name}=" in shown for key in verb_keys(verb).keys)


@pytest.mark.parametrize("verb", ["data", "library", "plan", "robot"])
def test_every_action_is_done_and_told(verb: str) -> None:
    module = importlib.import_module(f"kata.launch.verbs.{verb}")
    assert list(module.ACTIONS) == [action.name for action in verb_keys(verb).actions]


def test_main_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {verb} " in shown for verb in verbs())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("kata ")


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        (["plan", SENTENCE], {*ANSWER, "predicted", "missing", "risks"}),
        (["library", "list"], {"library", "skills", "unreadable"}),
        (["library", "verify"], {"library", "sound", "packages"}),
        (["robot", "list"], {"robots"}),
        (["record", "skill=pick", "episodes=1"], {"skill", "episodes", "failures", "frames"}),
        (
            ["evaluate", "skill=close", "trials=2", "policy=expert"],
            {
                *("skill", "policy", "identity", "start", "interval_method", "seeds"),
                *("trials", "successes", "rate", "interval", "cost", "cells", "failures"),
            },
        ),
        (["run", SENTENCE, "video=false"], {*ANSWER, "full", "fidelity"}),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_result_has_its_keys(line: list[str], keys: set[str], tmp_path: Path) -> None:
    assert main([*line, f"out={tmp_path / 'run'}"]) == 0
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert set(result) == {"verb", "version", "seed", "seconds"} | keys
    assert result["verb"] == line[0]
    if "full" in result:
        assert set(result["full"]) == {
            *("trials", "successes", "rate", "interval"),
            *("rate_without_replan", "interval_without_replan", "predicted", "peak_jerk"),
        }
