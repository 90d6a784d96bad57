"""A missing skill from the refusal to the robot: what `kata plan` says, done word by word."""

import json
import logging
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from kata.datasets.types import Condition
from kata.launch import build
from kata.launch.cli import main
from kata.skills.contract.testing_scene import CUBES, facts_for
from kata.skills.library.library import Library
from kata.skills.library.seed import seed
from kata.skills.planning.missing import DemonstrationIndex, missing_skill

_log = logging.getLogger(__name__)
HELD_OUT = {"press", "stack"}


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """The default skills without two of them."""
    root = tmp_path / "library"
    seed(Library(root), [c for c in build.contracts() if c.name not in HELD_OUT])
    return root


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


def kata(line: str, folder: Path, code: int = 0) -> dict:
    assert main([*shlex.split(line), f"out={folder}"]) == code
    return result(folder)


def test_without_demonstrations_the_expert_that_could_show_it_is_named(library, tmp_path) -> None:
    found = kata(f"plan 'press the button' library={library}", tmp_path / "plan", 1)
    assert found["status"] == "missing_skill"
    missing = found["missing"]
    assert missing["goal"] == ["pressed(button)"]
    assert missing["command"] == "kata record skill=press episodes=20"
    assert build.contract(missing["contract"]).name == "make_pressed"


@pytest.mark.slow
def test_each_command_that_is_named_starts(library, tmp_path) -> None:
    found = kata(f"plan 'press the button' library={library}", tmp_path / "plan", 1)
    missing = found["missing"]
    # Fewer episodes and steps are all that is changed of them.
    line = missing["command"].removeprefix("kata ").replace("episodes=20", "episodes=1")
    data = tmp_path / "shown"
    assert kata(line, data)["episodes"] == 1

    again = kata(f"plan 'press the button' library={library} data={data}", tmp_path / "again", 1)
    near = again["missing"]["demonstrations"][0]
    assert (near["skill"], near["level"], near["data"]) == ("press", "effect", str(data))
    learn = again["missing"]["command"].removeprefix("kata ")
    assert learn.startswith("train skill=")
    trained = kata(f"{learn} policy=regression steps=5", tmp_path / "trained")
    assert trained["skill"] == "press"


def test_a_folder_that_is_no_dataset_is_refused(library, tmp_path, capsys) -> None:
    line = f"plan 'press the button' library={library} data={tmp_path / 'nothing'}"
    assert main([*shlex.split(line), f"out={tmp_path / 'plan'}"]) == 2
    assert "not a dataset" in capsys.readouterr().err


@pytest.mark.slow
def test_what_is_missing_is_learned_added_planned_and_done(library, tmp_path) -> None:
    data = tmp_path / "press"
    kata("record skill=press episodes=20", data)
    asked = f"plan 'press the button' library={library} data={data}"
    line = kata(asked, tmp_path / "plan", 1)["missing"]["command"].removeprefix("kata ")
    kata(f"{line} policy=regression steps=800", tmp_path / "trained")
    kata(f"library add {tmp_path / 'trained'} library={library}", tmp_path / "added")
    assert kata(asked, tmp_path / "planned")["calls"] == ["press(button)"]
    done = kata(f"run 'press the button' library={library} trials=20 video=false", tmp_path / "run")
    _log.info("learned from what was missing: %s", done["full"])
    assert done["full"]["rate"] >= 0.6


GOALS = [
    *((f"in({cube}, drawer)", "open") for cube in CUBES),
    *((f"in({cube}, bin)", "place_in") for cube in CUBES),
    *((f"on({cube}, shelf)", "place") for cube in CUBES),
    *((f"holding({cube})", "pick") for cube in CUBES),
    *((f"on({cube}, {other})", "stack") for cube in CUBES for other in CUBES if cube != other),
    *((f"on({cube}, shelf) and pressed(button)", "press") for cube in CUBES),
    *((f"in({cube}, bin) and pressed(button)", "press") for cube in CUBES),
    *((f"in({cube}, bin) and open(drawer)", "open") for cube in CUBES),
    ("pressed(button)", "press"),
    ("open(drawer)", "open"),
]


@pytest.mark.slow
def test_recorded_demonstrations_are_the_right_ones_for_two_held_out_skills(tmp_path) -> None:
    names = ("open", "close", "pick", "place", "place_in", "press", "push", "stack")
    for name in names:
        kata(f"record skill={name} episodes=3", tmp_path / name)
    index = DemonstrationIndex.of([tmp_path / name for name in names], tmp_path / "cache")
    again = DemonstrationIndex.of([tmp_path / name for name in names], tmp_path / "cache")
    assert index == again
    right = 0
    for goal, needed in GOALS:
        held = {needed, "close" if needed != "close" else "push"}
        contracts = [c for c in build.contracts() if c.name in set(names) - held]
        missing = missing_skill(Condition.parse(goal), facts_for(), contracts, demonstrations=index)
        taught = missing.taught() if missing else None
        right += taught is not None and taught.skill == needed
        if missing is not None:
            whole = [*contracts, replace(missing.proposal, name="proposed")]
            assert missing_skill(Condition.parse(goal), facts_for(), whole) is None, goal
    _log.info("right demonstrations for %d of %d goals", right, len(GOALS))
    assert len(GOALS) >= 40
    assert right >= 0.9 * len(GOALS)
