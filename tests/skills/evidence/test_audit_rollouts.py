"""Audits by rollouts: used limits against declared ones, alone and after another skill."""

import os
import time
from dataclasses import replace
from functools import partial

import pytest

from kata.datasets.types import ConfigError, ExecutionError
from kata.skills.contract.promise import Envelope
from kata.skills.evidence import audit_rollouts as audits
from kata.skills.evidence.audit_rollouts import Subject, audit_rollouts, may_follow
from kata.skills.evidence.audit_rollouts_findings import rollout_findings
from kata.skills.evidence.audit_rollouts_sandbox import Bounds, Sandbox, SandboxStoppedError
from kata.skills.evidence.audit_rollouts_use import Used
from kata.skills.testing import CONTRACTS, FakeWorld, fake_skill

from .hostile_rollouts import ALONE, CHAINED, GOOD, subject


class InThisProcess(Sandbox):
    """Without a sandbox, which is for other tests and costs a process."""

    def call(self, call, arguments):
        return call(*arguments)


@pytest.fixture
def audit(tmp_path, monkeypatch):
    """Audits a package beside others."""
    monkeypatch.setattr(audits, "Sandbox", InThisProcess)

    def one(name, *others, rollouts=3):
        beside = [subject(tmp_path, other) for other in others]
        return audit_rollouts(subject(tmp_path, name), beside, rollouts, 0)

    return one


def kinds(audit, **settings):
    return {each.kind for each in rollout_findings(audit, **settings) if each.risk == "danger"}


@pytest.mark.parametrize("name", ALONE)
def test_what_harms_alone_is_found_alone(audit, name):
    found = audit(name)
    assert kinds(found, pairs=False) == {ALONE[name]}
    (told,) = [f.told() for f in rollout_findings(found) if f.risk == "danger"]
    assert (told.severity, told.kind) == ("error", ALONE[name])


@pytest.mark.parametrize("name", GOOD)
def test_good_packages_pass_alone_and_in_chains(audit, name):
    others = [other for other in GOOD if other != name]
    found = audit(name, *others)
    assert all(use.outcome == "done" for use in found.alone.uses)
    assert rollout_findings(found) == ()


@pytest.mark.parametrize("name", CHAINED)
def test_what_harms_only_after_another_is_missed_alone_and_found_in_the_pair(audit, name):
    before, kind = CHAINED[name]
    found = audit(name, before)
    # The gap is the point: each of the two is innocent by itself.
    assert rollout_findings(found, pairs=False) == ()
    assert rollout_findings(audit(before), pairs=False) == ()
    assert all(use.outcome == "done" for use in found.alone.uses)
    dangers = [each for each in rollout_findings(found) if each.risk == "danger"]
    assert [(each.kind, each.where, each.chained) for each in dangers] == [
        (kind, f"{name} after {before}", True)
    ]
    assert dangers[0].told().kind == f"chain {kind}"


def test_a_pair_is_found_from_either_side(audit):
    found = audit("fetch", "nudge")
    (danger,) = [each for each in rollout_findings(found) if each.risk == "danger"]
    assert (danger.where, danger.kind) == ("nudge after fetch", "workspace")


def test_equal_seeds_give_equal_audits_and_uses_survive_a_file(audit):
    first, again = audit("nudge", "fetch"), audit("nudge", "fetch")
    assert first.alone == again.alone
    assert first.pairs == again.pairs
    for use in first.alone.uses:
        assert Used.from_data(use.to_data()) == use


def test_where_it_was_worst_is_told(audit):
    (danger,) = rollout_findings(audit("fast"))
    assert danger.measured > danger.limit == 1.5
    worst = next(use for use in audit("fast").alone.uses if use.seed == danger.seed)
    assert worst.speed_m_s.value == danger.measured
    assert 0.0 <= worst.speed_m_s.time_s <= worst.seconds + 0.2


def test_pairs_are_those_that_a_plan_could_put_together():
    names = sorted(CONTRACTS)
    may = {(a, b) for a in names for b in names if may_follow(CONTRACTS[a], CONTRACTS[b])}
    assert {("open", "pick"), ("pick", "place_in"), ("place_in", "close")} <= may
    # Nothing that needs an empty hand comes after what fills it.
    assert not {("pick", "open"), ("pick", "pick"), ("pick", "close")} & may


def test_no_rollouts_are_refused(audit):
    with pytest.raises(ConfigError):
        audit("fetch", rollouts=0)


def tame(name):
    """A skill of the fake world, with the speed that it has."""
    promise = replace(CONTRACTS[name], limits=Envelope(1.5))
    return Subject(promise, partial(fake_skill, name), FakeWorld)


def test_a_skill_that_cannot_be_run_is_told_and_no_danger():
    strange = replace(tame("place_in"), make_skill=partial(fake_skill, "no_such_skill"))
    told = rollout_findings(audit_rollouts(tame("pick"), [strange], 1, 0))
    assert {(each.kind, each.risk, each.where) for each in told} == {
        ("not_run", "warning", "place_in after pick"),
        ("not_run", "warning", "pick after place_in"),
    }


# ---------------------------------------------------------------- the sandbox


def test_the_sandbox_is_bounded_and_gives_only_data():
    with Sandbox(Bounds(seconds=2.0, memory_gib=6.0)) as sandbox:
        assert sandbox.call(max, ([2, 3],)) == 3
        assert set(sandbox.enforced) == {
            "environment", "network", "memory", "files", "core", "python"
        }  # fmt: skip
        for call, arguments, reason in (
            (time.sleep, (30,), "not done after 2 s"),
            (bytearray, (20 << 30,), "more than 6 GiB of memory"),
            (os._exit, (3,), "its process died: exit code 3"),
        ):
            with pytest.raises(SandboxStoppedError, match=reason):
                sandbox.call(call, arguments)
        # After each of them there is a fresh process.
        assert sandbox.call(max, ([2, 3],)) == 3
        with pytest.raises(ExecutionError, match="ZeroDivisionError"):
            sandbox.call(divmod, (1, 0))
        with pytest.raises(ExecutionError, match="not JSON serializable"):
            sandbox.call(complex, (1, 2))


def test_the_sandbox_has_no_network_no_programs_no_files_and_no_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "secret")
    with Sandbox(Bounds(10.0)) as sandbox:
        for call, arguments in (
            (os.system, ("true",)),
            (os.mkdir, (str(tmp_path / "made"),)),
            (os.remove, (str(tmp_path),)),
            (open, (str(tmp_path / "written"), "w")),
        ):
            with pytest.raises(ExecutionError, match="not allowed in an audit"):
                sandbox.call(call, arguments)
        assert sandbox.call(os.getenv, ("SOME_API_KEY",)) is None
    assert list(tmp_path.iterdir()) == []


def test_an_audit_runs_in_the_sandbox():
    found = audit_rollouts(tame("pick"), [tame("place_in")], 2, 0)
    assert [use.outcome for use in found.alone.uses] == ["done", "done"]
    assert found.enforced["memory"].startswith("at most")
    assert rollout_findings(found) == ()
    hung = audit_rollouts(tame("pick"), [], 200, 0, Bounds(seconds=1.0))
    assert [each.kind for each in rollout_findings(hung)] == ["stopped"]
