"""A run's folder stays with those whose trials it holds; what was measured is recorded once."""

import json
import shutil
from dataclasses import replace

import pytest

from kata.datasets.types import PackageError
from kata.launch import build
from kata.launch.cli import main
from kata.skills.contract.package import scripted
from kata.skills.library.library import Library
from kata.skills.library.trust import make_package
from kata.skills.testing import CONTRACTS, FakeWorld, UnreliablePolicy

OTHER_OUT = "name another out; the trials in this one are of what it began with"


@pytest.fixture(autouse=True)
def small_world(monkeypatch):
    monkeypatch.setattr("kata.launch.build.make_trial", lambda *_: FakeWorld)
    monkeypatch.setattr("kata.launch.agents._expert", lambda *_: UnreliablePolicy(0.7, 1, 0.6))


@pytest.fixture
def package(tmp_path):
    """Makes a package of `pick`."""

    def make(version, summary="picks"):
        contract = replace(CONTRACTS["pick"], version=version, summary=summary)
        return make_package(tmp_path / "made", contract, scripted("p70"))

    return make


@pytest.fixture
def library(kata_home):
    return build.library(None)


@pytest.fixture
def call(tmp_path):
    def run(*line, folder="run"):
        return main([*line, f"out={tmp_path / folder}"])

    return run


def promoted(library, folder):
    """A version in use, by the way that every version goes."""
    return library.set_state(library.add(folder, "candidate"), "promoted", "a test says so")


def kinds(library, entry):
    return [each.kind for each in library.records(entry) if each.kind != "state"]


def trials_of(library, entry):
    return library.records(entry, "descriptor")[-1].data["trials"]


@pytest.mark.parametrize("finished", [True, False])
def test_trials_of_a_version_are_not_those_of_the_next(
    finished, package, library, call, tmp_path, capsys
) -> None:
    line = ("evaluate", "skill=pick", "trials=20")
    one = promoted(library, package("1.0.0"))
    assert call(*line) == 0
    if not finished:
        (tmp_path / "run/result.json").unlink()
        max((tmp_path / "run/parts").iterdir()).unlink()
    two = promoted(library, package("1.1.0"))
    capsys.readouterr()
    assert call(*line) == 2
    assert kinds(library, two) == []
    assert capsys.readouterr().err == (
        f"error: the folder was begun with another package (in out={tmp_path / 'run'})\n"
        f"  expected: pick@1.0.0 (identity {one.identity[:12]})\n"
        f"  got:      pick@1.1.0 (identity {two.identity[:12]})\n"
        f"  do:       {OTHER_OUT}\n"
    )
    assert call(*line, folder="other") == 0
    assert kinds(library, two) == ["descriptor", "evidence"]


def test_a_package_that_was_replaced_gets_no_trials_of_the_one_before(
    package, call, tmp_path, capsys
) -> None:
    line = ("compare", f"a={tmp_path / 'mine'}", "b=expert", "skill=pick", "trials=10")
    package("1.0.0").rename(tmp_path / "mine")
    assert call(*line) == 0
    assert call(*line) == 0, "the same package goes on"
    shutil.rmtree(tmp_path / "mine")
    package("1.0.0", "picks otherwise").rename(tmp_path / "mine")
    before = (tmp_path / "run/result.json").read_bytes()
    capsys.readouterr()
    assert call(*line) == 2
    told = capsys.readouterr().err
    assert "the folder was begun with another package" in told
    assert told.count("mine (identity ") == 2
    assert "expert (" not in told, "it is the same"
    assert (tmp_path / "run/result.json").read_bytes() == before


def test_a_first_trial_that_cannot_be_leaves_no_folder(
    library, package, call, tmp_path, monkeypatch
) -> None:
    promoted(library, package("1.0.0"))

    def of_another_robot(*_):
        raise PackageError("a skill of another robot")

    monkeypatch.setattr("kata.launch.agents._expert", of_another_robot)
    assert call("evaluate", "skill=pick", "trials=2") == 2
    assert not (tmp_path / "run").exists()


def test_a_kill_between_the_records_loses_neither(package, library, call, monkeypatch) -> None:
    entry = promoted(library, package("1.0.0"))
    line = ("evaluate", "skill=pick", "trials=12")
    record = Library.record

    def die_at_the_second(self, *about):
        if kinds(self, entry):
            raise KeyboardInterrupt
        return record(self, *about)

    with monkeypatch.context() as patch:
        patch.setattr(Library, "record", die_at_the_second)
        assert call(*line) == 130
    assert call(*line) == 0
    assert set(kinds(library, entry)) == {"descriptor", "evidence"}
    assert trials_of(library, entry) == 12, "each counts once"
    known = kinds(library, entry)
    assert call(*line) == 0
    assert kinds(library, entry) == known


def test_a_trial_counts_once_however_often_it_is_measured(package, library, call, tmp_path) -> None:
    entry = promoted(library, package("1.0.0"))
    asked = {
        "few": ("trials=8", 8),
        "more": ("trials=20", 20),
        "other_interval": ("interval=clopper-pearson", 20),
        "other_seed": ("seed=5", 40),
        "from_anywhere": ("start=perturbed", 60),
    }
    for folder, (key, trials) in asked.items():
        size = () if key.startswith("trials") else ("trials=20",)
        assert call("evaluate", "skill=pick", key, *size, folder=folder) == 0
        assert trials_of(library, entry) == trials
    successes = [
        sum(trial["success"] for trial in json.loads(path.read_text())["trials"])
        for path in (tmp_path / folder / "trials.json" for folder in list(asked)[2:])
    ]
    last = library.records(entry, "descriptor")[-1].data
    assert last["successes"] == sum(successes)
