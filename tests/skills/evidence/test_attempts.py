"""Attempts to be promoted: each is recorded before it begins, counted for ever, concluded once."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from kata.datasets.files import json_bytes
from kata.datasets.types import ConfigError, PackageError, SignatureError
from kata.skills.contract.files import read_contracts
from kata.skills.contract.package import scripted, write_package
from kata.skills.evidence.attempts import (
    conclude,
    conclusion,
    find_attempt,
    open_attempt,
    override,
)
from kata.skills.evidence.budget import attempt_alpha
from kata.skills.evidence.promotion import Ruling
from kata.skills.library.history import history
from kata.skills.library.library import Library
from kata.skills.library.signing import Keyring

CONTRACTS = read_contracts(Path(__file__).resolve().parents[3] / "configs" / "skill")
PICK = next(contract for contract in CONTRACTS if contract.name == "pick")
YES = {ground: Ruling(True, ground, f"it is {ground}", {}) for ground in ("first", "better")}
YES["faster"] = Ruling(True, "faster", "it is faster", {"p_value": 0.01})
NO = Ruling(False, "", "it is not", {"p_value": 0.4})
MEASURED = {"rate": 0.9, "trials": 10, "successes": 9, "interval": [0.6, 0.98]}


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library", Keyring(tmp_path / "keys"))


def add(library, version):
    contract = replace(PICK, version=version)
    package = write_package(library.root.parent / "made", contract, scripted("pick"))
    return library.add(package)


def first_seed(serial):
    return 1000 * serial


SCENE = {"robot": "panda", "start": "nominal", "world": {"gap_m": 0.085}}


def attempt_at(library, entry, trials=100, **scene):
    return open_attempt(library, entry, trials, first_seed, {"scene": {**SCENE, **scene}})


def publish(library, version, ruling):
    entry = library.show(f"pick@{version}") if _has(library, version) else add(library, version)
    attempt = attempt_at(library, entry)
    conclude(library, attempt, ruling, MEASURED)
    return attempt


def _has(library, version):
    return any(entry.version == version for entry in library.list())


def test_the_first_version_is_compared_with_none(library):
    attempt = attempt_at(library, add(library, "1.0.0"))
    assert (attempt.best, attempt.number, attempt.trials) == (None, 1, 100)
    told = attempt.record.data
    assert told["against"] == ""
    assert told["alpha"] == attempt_alpha(1)
    assert told["scene"] == SCENE
    assert conclusion(library, attempt) is None
    done = conclude(library, attempt, YES["first"], MEASURED)
    assert (done.promoted, done.ground, done.text) == (True, "first", "it is first")
    entry = library.show("pick")
    assert entry.state == "promoted"
    kinds = [record.kind for record in library.records(entry)]
    assert kinds == ["state", "attempt", "evidence", "state"]
    last = library.records(entry)[-1].data
    assert last["promotion"]["attempt"] == attempt.record.digest
    assert library.verify()[0].problem == ""


def test_a_refusal_is_recorded_and_changes_no_state(library):
    attempt = publish(library, "1.0.0", NO)
    entry = library.show("pick")
    assert entry.state == "draft"
    refusal = library.records(entry, "refusal")[0].data
    assert refusal["text"] == "it is not"
    assert refusal["tests"] == {"p_value": 0.4}
    done = conclusion(library, attempt)
    assert (done.promoted, done.text) == (False, "it is not")


def test_the_best_moves_only_with_a_better_version(library):
    grounds = {"1.0.0": "first", "1.1.0": "faster", "1.2.0": "better", "1.3.0": "faster"}
    against = []
    for version, ground in grounds.items():
        attempt = publish(library, version, YES[ground])
        against.append(attempt.best.version if attempt.best else None)
    assert against == [None, "1.0.0", "1.0.0", "1.2.0"]
    assert library.in_use("pick").version == "1.3.0"
    assert history(library, "pick").best().version == "1.2.0"


def test_every_attempt_against_the_same_best_version_counts(library):
    publish(library, "1.0.0", YES["first"])
    numbers = [publish(library, "1.1.0", NO).number for _ in range(3)]
    add(library, "1.2.0")
    attempt_at(library, library.show("pick@1.2.0"))  # interrupted: never concluded
    numbers.append(publish(library, "1.3.0", YES["better"]).number)
    numbers.append(publish(library, "1.4.0", NO).number)
    assert numbers == [1, 2, 3, 5, 1]


def test_attempts_of_versions_that_are_gone_count_too(library):
    publish(library, "1.0.0", YES["first"])
    publish(library, "1.1.0", NO)
    shutil.rmtree(library.show("pick@1.1.0").folder)
    assert publish(library, "1.2.0", NO).number == 2


def test_other_skills_have_budgets_of_their_own(library):
    publish(library, "1.0.0", NO)
    contract = next(contract for contract in CONTRACTS if contract.name == "place")
    entry = library.add(write_package(library.root.parent / "made", contract, scripted("place")))
    assert attempt_at(library, entry).number == 1


def test_seeds_are_never_used_again(library):
    entry = add(library, "1.0.0")
    used = [
        open_attempt(library, entry, 30, lambda serial: 10 * serial, {}).record.data["seeds"]
        for _ in range(4)
    ]
    seeds = [seed for first, count in used for seed in range(first, first + count)]
    assert len(seeds) == len(set(seeds)) == 120


def test_going_back_leaves_the_best_version_the_best(library):
    publish(library, "1.0.0", YES["first"])
    publish(library, "1.1.0", YES["better"])
    back, last = library.roll_back("pick", "it scratches the table")
    assert (back.version, last.version) == ("1.0.0", "1.1.0")
    assert (back.state, last.state) == ("promoted", "retired")
    assert library.in_use("pick") == back
    assert library.best("pick") == back
    assert library.records(last)[-1].data["reason"] == "it scratches the table"
    assert publish(library, "1.2.0", NO).best.version == "1.1.0"
    again = publish(library, "1.1.0", YES["better"])
    assert again.best.version == "1.0.0"
    assert library.in_use("pick").version == "1.1.0"
    library.roll_back("pick", "not again")
    with pytest.raises(PackageError, match="no version to go back to"):
        library.roll_back("pick", "not again")


def test_nothing_goes_back_to_a_version_that_is_not_sound(library):
    publish(library, "1.0.0", YES["first"])
    publish(library, "1.1.0", YES["better"])
    (library.show("pick@1.0.0").folder / "policy.json").write_text("{}")
    with pytest.raises(PackageError, match="the version before is not sound"):
        library.roll_back("pick", "x")
    assert library.in_use("pick").version == "1.1.0"


def test_an_override_is_recorded_and_no_proof(library):
    publish(library, "1.0.0", YES["first"])
    publish(library, "1.1.0", NO)
    entry = override(library, library.show("pick@1.1.0"), "the scene has changed")
    assert entry.state == "promoted"
    told = library.records(entry)[-1].data
    assert (told["reason"], told["promotion"]["ground"]) == ("the scene has changed", "override")
    assert publish(library, "1.2.0", NO).best.version == "1.0.0"


def test_after_an_override_alone_the_next_version_is_judged_as_a_first_one(library):
    override(library, add(library, "1.0.0"), "a start")
    attempt = publish(library, "1.1.0", YES["first"])
    assert (attempt.best, attempt.record.data["against"]) == (None, "")
    assert publish(library, "1.2.0", NO).best.version == "1.1.0"


def test_an_overridden_version_brings_its_evidence_later(library):
    entry = override(library, add(library, "1.0.0"), "a start")
    with pytest.raises(PackageError, match="in use already"):
        override(library, entry, "again")
    assert publish(library, "1.0.0", NO).best is None
    assert library.in_use("pick").version == "1.0.0"
    publish(library, "1.0.0", YES["first"])
    assert history(library, "pick").best().version == "1.0.0"
    with pytest.raises(PackageError, match="in use already"):
        attempt_at(library, library.show("pick@1.0.0"))


def test_what_is_in_use_or_below_is_not_published(library):
    publish(library, "1.1.0", YES["first"])
    with pytest.raises(PackageError, match="in use already"):
        attempt_at(library, library.show("pick@1.1.0"))
    with pytest.raises(PackageError, match="a version below the one in use") as caught:
        attempt_at(library, add(library, "1.0.0"))
    assert caught.value.expected == "a version of pick above 1.1.0"
    with pytest.raises(PackageError, match="below"):
        override(library, library.show("pick@1.0.0"), "x")
    with pytest.raises(ConfigError, match="no trials"):
        attempt_at(library, add(library, "1.2.0"), trials=0)
    assert len(history(library, "pick").attempts) == 1


def test_an_attempt_is_gone_on_with_and_concluded_once(library):
    entry = add(library, "1.0.0")
    attempt = attempt_at(library, entry)
    found = find_attempt(library, entry, attempt.record.digest)
    assert found == attempt
    conclude(library, found, YES["first"], MEASURED)
    assert conclude(library, attempt, NO, MEASURED).promoted
    assert len(library.records(entry)) == 4
    with pytest.raises(PackageError, match="is not in the library"):
        find_attempt(library, entry, "0" * 64)


def test_who_was_overtaken_meanwhile_tries_again(library):
    publish(library, "1.0.0", YES["first"])
    slow = attempt_at(library, add(library, "1.2.0"))
    publish(library, "1.1.0", YES["better"])
    done = conclude(library, slow, YES["better"], MEASURED)
    assert not done.promoted
    assert done.text == "another version became the best one meanwhile; publish again"
    assert library.in_use("pick").version == "1.1.0"


def test_who_is_below_the_version_in_use_meanwhile_is_not_promoted(library):
    publish(library, "1.0.0", YES["first"])
    slow, quick = (attempt_at(library, add(library, version)) for version in ("1.1.0", "1.2.0"))
    conclude(library, quick, YES["faster"], MEASURED)
    done = conclude(library, slow, YES["faster"], MEASURED)
    assert not done.promoted
    told = "pick@1.2.0 came into use meanwhile; only a version above it can be promoted"
    assert done.text == told
    assert library.show("pick@1.1.0").state == "draft"


def test_of_two_attempts_for_one_version_one_promotes_it(library):
    entry = add(library, "1.0.0")
    one, other = attempt_at(library, entry), attempt_at(library, entry)
    assert conclude(library, one, YES["first"], MEASURED).promoted
    assert not conclude(library, other, YES["first"], MEASURED).promoted
    assert len(history(library, "pick").promotions) == 1


def test_an_attempt_whose_best_version_is_gone_is_no_first_one(library):
    publish(library, "1.0.0", YES["first"])
    attempt = attempt_at(library, add(library, "1.1.0"))
    shutil.rmtree(library.record_root / attempt.best.identity)
    with pytest.raises(PackageError, match="nothing sound tells of the version") as caught:
        find_attempt(library, attempt.entry, attempt.record.digest)
    assert attempt.best.identity[:12] in caught.value.expected


def test_trials_that_were_used_are_no_attempt_again(library):
    entry = add(library, "1.0.0")
    open_attempt(library, entry, 10, lambda _: 1000, {})
    with pytest.raises(PackageError, match="an attempt before has used these trials") as caught:
        open_attempt(library, entry, 10, lambda _: 1005, {})
    assert caught.value.where == "seeds 1005 to 1014"
    assert len(history(library, "pick").attempts) == 1


def test_a_number_that_was_passed_over_is_not_given_later(library):
    entry = add(library, "1.0.0")
    open_attempt(library, entry, 30, lambda serial: 10 * serial, {})
    open_attempt(library, entry, 30, lambda serial: 10 * serial, {})
    attempt = open_attempt(library, entry, 30, lambda serial: 9000 + serial, {})
    assert [record.data["serial"] for record in history(library, "pick").attempts] == [1, 4, 5]
    assert history(library, "pick").attempts[-1] == attempt.record


@pytest.mark.parametrize(
    ("scene", "where", "expected", "got"),
    [
        ({"robot": "ur5e"}, "robot", "robot=panda", "robot=ur5e"),
        ({"start": "perturbed"}, "start", "start=nominal", "start=perturbed"),
        ({"world": {"gap_m": 0.1}}, "world.gap_m", "world.gap_m=0.085", "world.gap_m=0.1"),
        (
            {"robot": "ur5e", "world": {}},
            "robot, world.gap_m",
            "robot=panda, world.gap_m=0.085",
            "robot=ur5e, world.gap_m=(nothing)",
        ),
    ],
)
def test_versions_are_compared_in_the_scene_of_the_best_one(library, scene, where, expected, got):
    publish(library, "1.0.0", YES["first"])
    with pytest.raises(PackageError, match="another scene than that in which") as caught:
        attempt_at(library, add(library, "1.1.0"), **scene)
    assert (caught.value.where, caught.value.expected, caught.value.got) == (where, expected, got)
    assert "library=FOLDER" in caught.value.hint
    assert len(history(library, "pick").attempts) == 1


def test_where_the_best_one_has_no_scene_any_will_do(library):
    attempt = open_attempt(library, add(library, "1.0.0"), 10, first_seed, {})
    conclude(library, attempt, YES["first"], MEASURED)
    assert attempt_at(library, add(library, "1.1.0"), robot="ur5e").best.version == "1.0.0"


def test_promotions_without_a_signature_do_not_count(library):
    entry = add(library, "1.0.0")
    folder = library.record_root / entry.identity
    shutil.rmtree(folder)
    folder.mkdir()
    data = {"state": "promoted", "reason": "x", "promotion": {"name": "pick", "version": "1.0.0"}}
    old = {"format": 1, "skill": entry.identity, "kind": "state", "data": data}
    (folder / "000001-state.json").write_bytes(json_bytes(old))
    assert library.show("pick").state == "candidate"
    assert history(library, "pick").promotions == ()
    assert attempt_at(library, library.show("pick")).best is None


@pytest.mark.parametrize("kind", ["attempt", "state"])
def test_changed_records_stop_every_attempt(library, kind):
    publish(library, "1.0.0", YES["first"])
    entry = library.show("pick")
    path = library.records(entry, kind)[-1].path
    path.write_text(path.read_text().replace("1.0.0", "1.0.1"))
    with pytest.raises(SignatureError, match="are not as they were signed") as caught:
        attempt_at(library, add(library, "1.1.0"))
    assert f"{path.name} was changed after it was signed" in caught.value.got
    override(library, library.show("pick@1.1.0"), "the records are broken")
    assert library.in_use("pick").version == "1.1.0"


def test_an_attempt_that_was_taken_away_is_missed(library):
    publish(library, "1.0.0", NO)
    publish(library, "1.1.0", NO)
    shutil.rmtree(library.record_root / library.show("pick@1.0.0").identity)
    with pytest.raises(SignatureError, match="the attempt before number 2 is not there"):
        attempt_at(library, add(library, "1.2.0"))


def test_attempts_at_once_get_numbers_of_their_own(library):
    entries = [add(library, f"1.{i}.0") for i in range(8)]
    with ThreadPoolExecutor(4) as pool:
        attempts = list(pool.map(lambda entry: attempt_at(library, entry), entries))
    assert sorted(attempt.number for attempt in attempts) == list(range(1, 9))
    assert len({attempt.first_seed for attempt in attempts}) == 8
    assert history(library, "pick").faults == ()


PUBLISHER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_attempts import MEASURED, NO, YES, Keyring, Library, publish

root = Path(sys.argv[1])
library = Library(root / "library", Keyring(root / "keys"))
print("ready", flush=True)
for i in range(10_000):
    publish(library, f"1.{i}.0", YES["better"] if i % 2 else NO)
    print(f"1.{i}.0", flush=True)
"""


@pytest.mark.parametrize("delay_s", [0.05, 0.2, 0.4])
def test_a_kill_leaves_a_readable_library(tmp_path, delay_s):
    command = [sys.executable, "-c", PUBLISHER, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay_s)
        os.kill(process.pid, signal.SIGKILL)
        announced = process.stdout.read().split()
    library = Library(tmp_path / "library", Keyring(tmp_path / "keys"))
    assert [finding.problem for finding in library.verify() if finding.problem] == []
    assert history(library, "pick").faults == ()
    states = {entry.version: entry.state for entry in library.list()}
    for version in announced:
        assert states[version] == ("promoted" if int(version.split(".")[1]) % 2 else "draft")
    publish(library, "2.0.0", YES["better"])
    assert library.in_use("pick").version == "2.0.0"
