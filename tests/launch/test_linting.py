"""`kata library lint`, and `kata publish` of a contract that lies, on a world in miniature."""

import json
from dataclasses import replace

import pytest

from kata.datasets.types import Condition
from kata.launch.cli import main
from kata.skills.contract.package import scripted
from kata.skills.contract.promise import Envelope
from kata.skills.evidence import audit_rollouts
from kata.skills.evidence.audit_rollouts_sandbox import Sandbox
from kata.skills.library.library import Library
from kata.skills.library.signing import Keyring
from kata.skills.library.trust import make_package
from kata.skills.testing import CONTRACTS, FakeWorld, UnreliablePolicy


@pytest.fixture(autouse=True)
def small_world(monkeypatch):
    monkeypatch.setattr("kata.launch.build.make_trial", lambda *_: FakeWorld)
    monkeypatch.setattr("kata.launch.agents._expert", lambda *_: UnreliablePolicy(1.0))


@pytest.fixture
def library(tmp_path):
    """A library of its own, without the scripted experts of the user's."""
    return Library(tmp_path / "library")


@pytest.fixture
def add(library, tmp_path):
    """Adds `pick` in a version that promises this."""

    def one(version, achieves, **more):
        said = Condition.parse(achieves)
        contract = replace(CONTRACTS["pick"], version=version, achieves=said, **more)
        return library.add(make_package(tmp_path / "made", contract, scripted("pick")))

    return one


@pytest.fixture
def call(library, tmp_path):
    runs = iter(range(100))

    def run(*line):
        folder = tmp_path / f"run{next(runs)}"
        code = main([*line, f"library={library.root}", f"out={folder}"])
        path = folder / "result.json"
        return code, json.loads(path.read_text()) if path.exists() else {}

    return run


TRUE, LIE = "holding(?object) and not gripper_empty()", "holding(?object)"


def evaluate(version, trials=20):
    return "evaluate", "policy=library", "skill=pick", f"version={version}", f"trials={trials}"


def test_lint_reads_what_evaluations_recorded_and_fails_where_a_contract_lies(add, call, capsys):
    add("1.0.0", LIE)
    add("1.1.0", TRUE)
    assert call("library", "lint", "pick@1.0.0")[1]["skills"][0]["verdict"] == "unknown"
    assert call(*evaluate("1.0.0"))[0] == 0
    assert call(*evaluate("1.1.0", 4))[0] == 0
    capsys.readouterr()
    code, result = call("library", "lint", "pick@1.0.0")
    (skill,) = result["skills"]
    assert (code, skill["verdict"], skill["executions"], result["true"]) == (1, "lies", 20, False)
    (found,) = skill["findings"]
    assert (found["level"], found["subject"]) == ("lie", "not gripper_empty()")
    assert found["interval"][0] > 0.5
    shown = capsys.readouterr().out
    assert "proposal: achieves: not gripper_empty()" in shown
    assert call("library", "lint", "pick@1.1.0")[0] == 0
    verdicts = [s["verdict"] for s in call("library", "lint", "pick")[1]["skills"]]
    assert sorted(verdicts) == ["lies", "true"]


def test_trials_that_two_evaluations_share_count_once(add, call):
    add("1.1.0", TRUE)
    for trials in (3, 5):
        assert call(*evaluate("1.1.0", trials))[0] == 0
    assert call("library", "lint", "pick@1.1.0")[1]["skills"][0]["executions"] == 5


def test_lint_reads_the_folder_of_a_run_instead(add, call, tmp_path, capsys):
    add("1.0.0", LIE)
    add("1.1.0", TRUE)
    assert call("compare", "a=pick@1.0.0", "b=pick@1.1.0", "trials=20")[0] == 0
    code, result = call("library", "lint", "pick", f"runs={tmp_path / 'run0'}")
    found = {skill["version"]: skill["verdict"] for skill in result["skills"]}
    assert code == 1
    assert (found["1.0.0"], found["1.1.0"]) == ("lies", "true")
    assert call("library", "lint", f"runs={tmp_path / 'nowhere'}")[0] == 2
    assert "nothing there tells of executions" in capsys.readouterr().err


def test_a_contract_that_lies_is_not_promoted_unless_by_override(add, call, library):
    add("1.0.0", LIE)
    code, result = call("publish", "skill=pick", "version=1.0.0", "trials=20")
    assert (code, result["promoted"], result["successes"]) == (1, False, 20)
    assert "its contract lies: not gripper_empty()" in result["text"]
    (refusal,) = library.records(library.show("pick@1.0.0"), "refusal")
    assert "its contract lies" in refusal.data["text"]
    assert refusal.data["tests"]["lies"]
    code, result = call(
        "publish", "skill=pick", "version=1.0.0", "override=true", "reason=an old contract"
    )
    assert (code, result["ground"]) == (0, "override")
    add("1.1.0", TRUE)
    assert call("publish", "skill=pick", "version=1.1.0", "trials=30")[1]["promoted"]


def test_what_was_measured_before_weighs_in_a_promotion(add, call):
    add("1.0.0", LIE)
    # Too few trials to show the lie by themselves.
    assert call(*evaluate("1.0.0"))[0] == 0
    code, result = call("publish", "skill=pick", "version=1.0.0", "trials=19")
    lies = result["tests"]["lies"]
    assert (code, lies[0]["trials"]) == (1, 20 + 19)


class InThisProcess(Sandbox):
    def call(self, call, arguments):
        return call(*arguments)


def test_an_audit_with_rollouts_forbids_what_breaks_its_word(add, call, monkeypatch, capsys):
    monkeypatch.setattr(audit_rollouts, "Sandbox", InThisProcess)
    add("1.0.0", TRUE)
    add("1.1.0", TRUE, limits=Envelope(speed_m_s=0.5))
    code, result = call("library", "audit", "pick@1.0.0", "rollouts=3")
    (told,) = result["packages"]
    assert (code, len(told["rollouts"]["parts"][0]["uses"])) == (0, 3)
    assert told["rollouts"]["findings"] == []
    # Without rollouts there is nothing to see.
    assert call("library", "audit", "pick@1.1.0")[0] == 0
    code, result = call("library", "audit", "pick@1.1.0", "rollouts=3")
    found = [each for each in result["packages"][0]["findings"] if each["severity"] == "error"]
    assert (code, [each["kind"] for each in found]) == (1, ["speed"])
    assert "it declares 0.5" in capsys.readouterr().out
    assert call("library", "audit", "pick@1.0.0", "rollouts=-1")[0] == 2


def test_a_package_that_is_foreign_or_broken_stops_no_other(add, call, library, tmp_path, capsys):
    add("1.0.0", TRUE)
    hers = replace(CONTRACTS["open"], version="1.0.0")
    alice = Keyring(tmp_path / "alice")
    library.add(make_package(tmp_path / "made", hers, scripted("open"), keyring=alice))
    assert call(*evaluate("1.0.0"))[0] == 0
    (add("2.0.0", TRUE).folder / "policy.json").write_text("{}")
    capsys.readouterr()
    code, result = call("library", "lint")
    assert code == 0
    assert [(each["name"], each["verdict"]) for each in result["skills"]] == [
        ("open", "unknown"),
        ("pick", "true"),
    ]
    assert "pick@2.0.0 is left out" in capsys.readouterr().err
    assert call("library", "lint", "pick@2.0.0")[0] == 2
