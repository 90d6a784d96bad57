"""`kata compare` and `kata publish` as a user calls them, on a world in miniature.

The packages are real; the policies behind them succeed in a share of their calls that their name
says: `p90` in 90 %, `p90_2` too, but on other seeds, `p90_fast` moving faster.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kata.launch.cli import main
from kata.launch.knowledge import known_of
from kata.skills.contract.package import scripted
from kata.skills.library.library import Library
from kata.skills.library.trust import make_package
from kata.skills.testing import CONTRACTS, FakeWorld, UnreliablePolicy


def policy_of(name, world):
    share, *more = name.removeprefix("p").split("_")
    salt = next((int(word) for word in more if word.isdigit()), 0)
    speed = 1.2 if "fast" in more else 0.6
    return UnreliablePolicy(int(share) / 100, salt, speed)


@pytest.fixture(autouse=True)
def small_world(monkeypatch):
    monkeypatch.setattr("kata.launch.build.make_trial", lambda *_: FakeWorld)
    monkeypatch.setattr("kata.launch.agents._expert", policy_of)


@pytest.fixture
def library(kata_home):
    assert main(["library", "list", f"out={kata_home / 'list'}"]) == 0
    return Library()


@pytest.fixture
def add(library, tmp_path):
    """Adds `pick` in a version whose policy is of that name."""

    def one(version, policy):
        contract = replace(CONTRACTS["pick"], version=version)
        return library.add(make_package(tmp_path / "made", contract, scripted(policy)))

    return one


@pytest.fixture
def call(tmp_path):
    """Runs a command in a new folder and gives its exit code and its result."""
    runs = iter(range(100))

    def run(*line, folder=None):
        folder = folder or tmp_path / f"run{next(runs)}"
        code = main([*line, f"out={folder}"])
        path = folder / "result.json"
        return code, json.loads(path.read_text()) if path.exists() else {}

    return run


def test_compare_tells_who_is_better(add, call, capsys) -> None:
    add("1.0.0", "p60")
    add("1.1.0", "p95_2")
    code, result = call("compare", "a=pick@1.1.0", "b=pick@1.0.0", "trials=60")
    assert code == 0
    keys = "verb version seed seconds skill a b difference interval p_value decision trials alpha"
    keys += " pairs measures test needed contracts_differ fidelity"
    assert set(result) == set(keys.split())
    assert (result["decision"], result["trials"], result["test"]) == ("a", 60, "mcnemar")
    assert result["a"]["name"] == "pick@1.1.0"
    assert result["a"]["rate"] - result["b"]["rate"] == pytest.approx(result["difference"])
    assert result["interval"][0] < result["difference"] < result["interval"][1]
    assert 10 < result["needed"]["trials"] < 100
    assert result["contracts_differ"] == []
    shown = capsys.readouterr().out
    assert "a is better" in shown
    assert shown.splitlines()[-1] == "next: kata publish skill=pick version=1.1.0"


def test_compare_gives_the_trials_of_an_evaluation_alone(add, call, tmp_path) -> None:
    # Neither the other candidate nor the order in which they ran leaves a trace in a trial.
    for version, policy in (("1.0.0", "p60"), ("1.1.0", "p95_2"), ("1.2.0", "p50_3")):
        add(version, policy)
    call("compare", "a=pick@1.0.0", "b=pick@1.1.0", "trials=12", folder=tmp_path / "one")
    call("compare", "a=pick@1.0.0", "b=pick@1.2.0", "trials=12", folder=tmp_path / "other")
    blocks = [sorted((tmp_path / name / "parts").iterdir()) for name in ("one", "other")]
    trials = [json.loads(paths[0].read_text())["trials"] for paths in blocks]
    assert any(one == other for one in trials[0].values() for other in trials[1].values())


def test_what_is_kept_of_a_comparison_tells_no_name(add, call, tmp_path) -> None:
    add("1.0.0", "p60")
    add("1.1.0", "p95_2")
    call("compare", "a=pick@1.0.0", "b=pick@1.1.0", "trials=30", folder=tmp_path / "one")
    parts = [path.read_text() for path in (tmp_path / "one/parts").iterdir()]
    assert len(parts) == 3
    assert not any(word in part for part in parts for word in ("1.0.0", "1.1.0", "p60", "p95"))
    orders = [tuple(order) for part in parts for order in json.loads(part)["orders"]]
    assert set(orders) == {("x1", "x2"), ("x2", "x1")}


def test_compare_stops_early_and_goes_on_where_it_stopped(add, call, tmp_path, capsys) -> None:
    add("1.0.0", "p20")
    add("1.1.0", "p95_2")
    line = ("compare", "a=pick@1.1.0", "b=pick@1.0.0", "trials=100", "sequential=true")
    _, result = call(*line, folder=tmp_path / "one")
    assert (result["decision"], result["test"]) == ("a", "sequential")
    assert result["trials"] < 50
    assert result["a"]["trials"] == result["trials"]
    assert f"stopped after {result['trials']} of 100 trials" in capsys.readouterr().out
    parts = sorted((tmp_path / "one/parts").iterdir())
    assert len(parts) == -(-result["trials"] // 10)
    (tmp_path / "one/result.json").unlink()
    parts[-1].unlink()
    _, again = call(*line, folder=tmp_path / "one")
    assert {**again, "seconds": 0} == {**result, "seconds": 0}


def test_no_decision_is_said_after_all_trials(add, call, capsys) -> None:
    add("1.0.0", "p90")
    add("1.1.0", "p90_2")
    line = ("compare", "a=pick@1.1.0", "b=pick@1.0.0", "trials=20", "sequential=true")
    _, result = call(*line)
    assert (result["decision"], result["trials"]) == ("undecided", 20)
    assert "no decision after all 20 trials" in capsys.readouterr().out


def test_a_package_that_won_belongs_into_the_library_first(add, call, tmp_path, capsys) -> None:
    add("1.0.0", "p30")
    contract = replace(CONTRACTS["pick"], version="1.1.0")
    package = make_package(tmp_path / "mine", contract, scripted("p100"))
    _, result = call("compare", "a=pick@1.0.0", f"b={package}", "trials=20")
    assert (result["decision"], result["b"]["name"]) == ("b", str(package))
    assert capsys.readouterr().out.splitlines()[-1] == f"next: kata library add {package}"


def test_several_candidates_get_letters(add, call, capsys) -> None:
    add("1.0.0", "p30")
    add("1.1.0", "p95_2")
    add("1.2.0", "p95_3")
    names = "candidates=[pick@1.0.0,pick@1.1.0,pick@1.2.0]"
    code, result = call("compare", names, "trials=40")
    assert code == 0
    assert result["letters"]["pick@1.0.0"] == "b"
    assert result["letters"]["pick@1.1.0"] == result["letters"]["pick@1.2.0"] == "a"
    assert (len(result["pairs"]), result["decision"]) == (3, "undecided")
    assert "who shares a letter was not told apart" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["a=pick@1.0.0"], "two candidates are needed"),
        (["a=pick@1.0.0", "b=pick@1.0.0"], "a candidate that comes twice"),
        (["a=pick@1.0.0", "b=pick@1.0.7"], "unknown version of 'pick' '1.0.7'"),
        (["a=pick@1.0.0", "b=open@0.1.0"], "candidates of several skills"),
        (["a=expert", "b=expert"], "which skill?"),
        (["a=pick@1.0.0", "b=no/where"], "no skill there"),
        (["a=pick@1.0.0", "b=expert", "candidates=[x,y]"], "a and b, and candidates too"),
        (["a=pick@1.0.0", "b=expert", "trials=0"], "no trials"),
        (["a=pick@1.0.0", "b=expert", "alpha=1"], "not a alpha"),
        (["a=pick@1.0.0", "b=expert", "gap=1.5"], "an impossible gap"),
        (
            ["candidates=[pick@1.0.0,expert,pick@0.1.0]", "sequential=true"],
            "stopping early works for two candidates",
        ),
    ],
)
def test_compare_refuses_what_it_cannot_compare(line, told, add, call, capsys, tmp_path) -> None:
    add("1.0.0", "p60")
    assert call("compare", *line, folder=tmp_path / "run") == (2, {})
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_worse_version_is_refused(add, call, library, capsys) -> None:
    add("1.0.0", "p100")
    code, first = call("publish", "skill=pick", "trials=20")
    assert (code, first["promoted"], first["ground"], first["best"]) == (0, True, "first", None)
    add("1.1.0", "p70_2")
    code, worse = call("publish", "skill=pick", "trials=30")
    assert (code, worse["promoted"], worse["attempt"]) == (1, False, 1)
    assert worse["best"]["name"] == "pick@1.0.0"
    assert "pick@1.1.0 is not promoted: not shown to be better" in capsys.readouterr().out
    add("1.2.0", "p60_2")
    code, again = call("publish", "skill=pick", "trials=10")
    assert (code, again["attempt"]) == (1, 2)
    assert again["alpha"] < worse["alpha"] == first["alpha"] == 0.025
    states = {e.version: e.state for e in library.list() if e.name == "pick"}
    assert states == {
        "0.1.0": "candidate", "1.0.0": "promoted", "1.1.0": "draft", "1.2.0": "draft",
    }  # fmt: skip
    assert library.in_use("pick").version == "1.0.0"
    used = [result["seeds"] for result in (first, worse, again)]
    seeds = [seed for begin, count in used for seed in range(begin, begin + count)]
    assert len(seeds) == len(set(seeds)) == 60


def test_a_better_version_passes(add, call, library, monkeypatch) -> None:
    monkeypatch.setattr("kata.skills.evidence.promotion.LEAST_RATE", 0.2)
    add("1.0.0", "p50")
    assert call("publish", "skill=pick", "trials=40")[0] == 0
    add("1.1.0", "p95_2")
    code, better = call("publish", "skill=pick", "trials=40")
    assert (code, better["ground"], better["best"]["name"]) == (0, "better", "pick@1.0.0")
    assert set(better) == {
        *("verb", "version", "seed", "seconds", "skill", "published", "identity", "promoted"),
        *("ground", "text", "attempt", "alpha", "seeds", "trials", "successes", "rate"),
        *("interval", "best", "tests"),
    }
    assert better["tests"]["p_value"] <= better["alpha"]
    assert library.in_use("pick").version == "1.1.0"


def test_a_first_version_must_succeed_often_enough(add, call, capsys) -> None:
    add("1.0.0", "p80")
    code, result = call("publish", "skill=pick", "trials=20")
    assert (code, result["promoted"]) == (1, False)
    assert "80 % is asked for" in capsys.readouterr().out


def test_a_faster_version_passes_if_it_is_no_worse(add, call) -> None:
    add("1.0.0", "p100")
    call("publish", "skill=pick", "trials=20")
    add("1.1.0", "p100_fast")
    code, few = call("publish", "skill=pick", "reason=faster", "trials=20")
    assert (code, few["ground"]) == (1, "")
    assert few["text"].startswith("it may be 5 points worse or more")
    code, fast = call("publish", "skill=pick", "reason=faster", "trials=180")
    assert (code, fast["ground"]) == (0, "faster")
    assert fast["tests"]["faster"]["difference"] < 0


def test_an_attempt_that_is_gone_on_with_counts_once(add, call, library, tmp_path) -> None:
    add("1.0.0", "p80")
    line = ("publish", "skill=pick", "trials=12")
    _, result = call(*line, folder=tmp_path / "one")
    (tmp_path / "one/result.json").unlink()
    _, again = call(*line, folder=tmp_path / "one")
    assert {**again, "seconds": 0} == {**result, "seconds": 0}
    entry = library.show("pick@1.0.0")
    assert [r.kind for r in library.records(entry)] == ["state", "attempt", "evidence", "refusal"]
    _, next_one = call(*line)
    assert next_one["attempt"] == 2


def test_what_cannot_be_tried_costs_no_attempt(add, call, library, monkeypatch) -> None:
    from kata.datasets.types import PackageError

    def refuse(*_):
        raise PackageError("a skill of another robot")

    add("1.0.0", "p80")
    monkeypatch.setattr("kata.launch.agents._expert", refuse)
    assert call("publish", "skill=pick") == (2, {})
    assert library.records(library.show("pick@1.0.0"), "attempt") == ()


def test_an_override_needs_a_reason_and_is_shown(add, call, capsys) -> None:
    add("1.0.0", "p10")
    assert call("publish", "skill=pick", "override=true")[0] == 2
    assert "why? (in kata publish override=true)" in capsys.readouterr().err
    code, result = call("publish", "skill=pick", "override=true", "reason=a demo, for once")
    assert (code, result["ground"], result["text"]) == (0, "override", "a demo, for once")
    call("library", "show", "pick@1.0.0")
    assert "promoted, by override: a demo, for once (key " in capsys.readouterr().out


def test_roll_back_is_one_command(add, call, library, capsys) -> None:
    for version in ("1.0.0", "1.1.0"):
        add(version, "p90")
        call("publish", "skill=pick", "override=true", f"reason=for {version}")
    assert call("library", "rollback", "pick")[0] == 2
    assert "why? (in kata library rollback pick)" in capsys.readouterr().err
    code, result = call("library", "rollback", "pick", "reason=it drops the cube")
    assert (code, result["version"], result["retired"]) == (0, "1.0.0", "1.1.0")
    assert library.best("pick").version == "1.0.0"
    told = "pick@1.0.0 is in use again; pick@1.1.0 is retired: it drops the cube"
    assert told in capsys.readouterr().out
    assert call("library", "rollback", "pick", "reason=again")[0] == 2
    assert "no version to go back to" in capsys.readouterr().err


def test_after_an_override_a_version_must_still_succeed_often_enough(add, call, library) -> None:
    add("1.0.0", "p30")
    call("publish", "skill=pick", "override=true", "reason=a demo, for once")
    add("1.1.0", "p70_2")
    code, result = call("publish", "skill=pick", "trials=40")
    assert (code, result["promoted"], result["best"]) == (1, False, None)
    assert library.in_use("pick").version == "1.0.0"


def test_where_a_version_was_tried_is_kept_and_shown(add, call, library, capsys) -> None:
    entry = add("1.0.0", "p100")
    call("publish", "skill=pick", "trials=20", "start=perturbed")
    told = library.records(entry, "evidence")[0].data
    assert (told["robot"], told["start"], len(told["world"])) == ("panda", "perturbed", 16)
    assert "python" in told["software"]
    call("library", "show", "pick@1.0.0")
    shown = capsys.readouterr().out
    assert "attempt 1 to be promoted: 20 trials, panda, start perturbed (key " in shown
    assert " of 20 trials, panda, start perturbed (key " in shown
    assert "promoted, panda, start perturbed: " in shown


def test_another_scene_than_that_of_the_best_version_is_refused(add, call, library, capsys) -> None:
    add("1.0.0", "p100")
    call("publish", "skill=pick", "trials=20")
    entry = add("1.1.0", "p100_fast")
    assert call("publish", "skill=pick", "start=perturbed", "world.gap_m=0.1") == (2, {})
    assert (
        "another scene than that in which pick@1.0.0 became the best one (in start, world.gap_m)\n"
        "  expected: start=nominal, world.gap_m=0.085\n"
        "  got:      start=perturbed, world.gap_m=0.1\n"
        "  do:       try it in that scene; versions for another one belong in a library of their "
        "own (library=FOLDER), or promote without a test: override=true reason=...\n"
    ) in capsys.readouterr().err
    assert library.records(entry, "attempt") == ()


def test_plans_count_what_was_measured_on_their_own_robot(add, call, library) -> None:
    add("1.0.0", "p100")
    call("publish", "skill=pick", "trials=20")
    assert known_of(library, "panda").success["pick"] == 1.0
    assert "pick" not in known_of(library, "franka_emika_panda").success


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["skill=pick", "reason=nicer"], "unknown reason 'nicer'"),
        (["skill=pikc"], "did you mean 'pick'"),
        (["skill=pick", "version=7.0.0"], "unknown version of 'pick' '7.0.0'"),
        (["skill=pick", "trials=0"], "no trials"),
    ],
)
def test_publish_refuses_what_it_cannot_try(line, told, add, call, capsys, tmp_path) -> None:
    add("1.0.0", "p90")
    assert call("publish", *line, folder=tmp_path / "run") == (2, {})
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_changed_records_are_told_and_nothing_is_published(add, call, library, capsys) -> None:
    entry = add("1.0.0", "p90")
    path = library.records(entry)[0].path
    path.write_text(path.read_text().replace("added", "dadde"))
    assert call("publish", "skill=pick")[0] == 2
    assert "000001-state.json was changed after it was signed" in capsys.readouterr().err
    assert call("library", "verify", "pick")[0] == 1
    assert call("publish", "skill=pick", "override=true", "reason=x")[0] == 0


def test_an_attempt_that_is_killed_is_gone_on_with(tmp_path, kata_home, monkeypatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("KATA_HOME", str(kata_home))
    folder = tmp_path / "run"
    line = ["publish", "skill=press", "trials=20", f"out={folder}"]
    program = [sys.executable, "-m", "kata.launch.cli", *line]
    child = subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not any((folder / "parts").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate(timeout=60)
    library = Library()
    assert [finding.problem for finding in library.verify() if finding.problem] == []
    entry = library.show("press")
    assert [record.kind for record in library.records(entry)] == ["state", "attempt"]
    assert main(line) == 0
    told = json.loads((folder / "result.json").read_text())
    assert (told["attempt"], told["promoted"]) == (1, True)
    assert library.show("press").state == "promoted"


def test_real_worlds_refuse_a_worse_version_and_promote_a_better_one(
    tmp_path: Path, kata_home: Path, monkeypatch, call
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("KATA_HOME", str(kata_home))
    call("record", "skill=close", "episodes=2", folder=tmp_path / "data")
    small = ("steps=20", "policy=regression", "policy.hidden=16", "least_score=0")
    call("train", "skill=close", f"data={tmp_path / 'data'}", *small, folder=tmp_path / "learned")
    assert call("publish", "skill=close", "trials=20", "version=0.1.0")[0] == 0
    assert call("library", "add", str(tmp_path / "learned"))[0] == 0
    code, worse = call("publish", "skill=close", "trials=10")
    assert (code, worse["promoted"], worse["published"]) == (1, False, "1.0.0")
    assert call("publish", "skill=close", "override=true", "reason=to test")[0] == 0
    code, seen = call("compare", "a=close@1.0.0", "b=close@0.1.0", "sequential=true", "trials=30")
    assert (code, seen["decision"]) == (0, "b")
