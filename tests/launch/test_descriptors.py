"""Descriptors in a library: recorded with the evidence, used by plans, told to the user."""

import json
from pathlib import Path
from typing import Any

import pytest

from kata.datasets.types import PackageError
from kata.launch import build
from kata.launch.arguments import split
from kata.launch.cli import main
from kata.launch.configuration import Config, compose
from kata.launch.descriptors import (
    descriptor_of_entry,
    mean_prediction,
    predicted_words,
    record_descriptor,
)
from kata.launch.keys import verb_keys
from kata.launch.knowledge import known_of
from kata.skills.library.library import Entry, Library

EPISODES = 24


@pytest.fixture
def library() -> Library:
    """The user's own, with the scripted experts."""
    return build.library(None)


def configured(*words: str) -> Config:
    keys = verb_keys("evaluate")
    return compose(split(words, keys), keys)


def episodes(skill: str, good: int, first: int = 0) -> list[dict[str, Any]]:
    """Made-up trials of a skill from real starts."""
    world = build.make_trial(configured(f"skill={skill}"), skill)()
    found = []
    for seed in range(first, first + EPISODES):
        seen = world.reset(seed)
        names = list(world.episode.arguments.values())
        place = {
            "position": seen.position.tolist(),
            "tool": seen.tool().array().tolist(),
            "focus": [seen.entities[name].row().tolist() for name in names],
        }
        found.append(
            {
                "call": f"{skill}({', '.join(names)})",
                "seed": seed,
                "start_kind": "nominal",
                "success": seed < first + good,
                "duration_s": 2.0,
                "start": place,
                "end": place,
            }
        )
    return found


def learn(library: Library, skill: str, good: int, first: int = 0) -> Entry:
    entry = library.show(skill)
    config = configured(f"skill={skill}")
    record_descriptor(config, library, entry, episodes(skill, good, first))
    return entry


def test_trials_of_the_same_scene_add_up(library: Library) -> None:
    entry = learn(library, "open", EPISODES)
    learn(library, "open", 0, first=EPISODES)
    descriptor = descriptor_of_entry(library, entry, "panda")
    assert descriptor is not None
    assert len(descriptor.samples) == 2 * EPISODES
    assert sum(sample.success for sample in descriptor.samples) == EPISODES
    assert library.verify("open")[0].problem == ""


def test_a_trial_that_is_measured_again_counts_as_it_went_last(library: Library) -> None:
    entry = learn(library, "open", EPISODES)
    learn(library, "open", 0, first=EPISODES // 2)
    descriptor = descriptor_of_entry(library, entry, "panda")
    assert descriptor is not None
    assert len(descriptor.samples) == EPISODES * 3 // 2
    assert sum(sample.success for sample in descriptor.samples) == EPISODES // 2


def test_trials_of_another_world_do_not(library: Library) -> None:
    entry = learn(library, "open", EPISODES)
    other = configured("skill=open", "world.gap_m=0.08")
    record_descriptor(other, library, entry, episodes("open", 0))
    descriptor = descriptor_of_entry(library, entry, "panda")
    assert descriptor is not None
    assert len(descriptor.samples) == EPISODES


def test_a_plan_tells_what_is_predicted(
    library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "open the drawer", f"out={tmp_path / 'before'}"]) == 0
    assert "success:" not in capsys.readouterr().out
    learn(library, "open", EPISODES)
    assert main(["plan", "open the drawer", f"out={tmp_path / 'after'}"]) == 0
    result = json.loads((tmp_path / "after/result.json").read_text())
    low, high = result["predicted"]["interval"]
    assert 0.7 < low < 0.95 < result["predicted"]["rate"] <= high
    assert "success: predicted 100 % (" in capsys.readouterr().out


def test_the_library_tells_what_success_depends_on(
    library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learn(library, "open", EPISODES)
    assert main(["library", "show", "open", f"out={tmp_path / 'show'}"]) == 0
    told = capsys.readouterr().out
    assert f"descriptor of {EPISODES} trials: success depends on nothing seen yet" in told


def test_a_spoilt_descriptor_is_named(library: Library) -> None:
    entry = library.show("open")
    library.record(entry, "descriptor", {"format": 99, "robot": "panda"})
    with pytest.raises(PackageError, match="a descriptor that cannot be read"):
        known_of(library, "panda")
    assert not known_of(library, "franka_emika_panda").descriptors


def test_predictions_are_averaged_over_scenes() -> None:
    told = [
        {"predicted": {"rate": rate, "interval": [rate - 0.1, rate + 0.1]}} for rate in (0.6, 0.8)
    ]
    mean = mean_prediction(told)
    assert mean is not None
    assert mean["rate"] == pytest.approx(0.7)
    assert mean["interval"] == pytest.approx([0.6, 0.8])
    assert predicted_words(mean) == "predicted 70 % (60.0 to 80.0)"
    assert mean_prediction([*told, {"predicted": None}]) is None
    assert mean_prediction([]) is None
    assert predicted_words(None) == "not predicted: a skill was never measured"
