"""Audits by rollouts: used limits against declared ones, alone and after another skill."""

import os
import subprocess
import time
from dataclasses import replace
from functools import partial

import pytest

from kata.datasets.types import ConfigError, ExecutionError
from kata.skills.contract.promise import Envelope
from kata.skills.evidence import audit_rollouts as audits
from kata.skills.evidence import audit_rollouts_refusals as refusals
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


DATAGRAM = """
import socket
line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
line.sendto(b"x", ("127.0.0.1", 9))
"""
LIBC = "import ctypes\nctypes.CDLL(None).getpid()"
SIGNAL = "import os\nos.kill(os.getppid(), 0)"

TRIED = {
    **{
        f"os.open {name}": (os.open, "there", getattr(os, name))
        for name in ("O_WRONLY", "O_RDWR", "O_TRUNC", "O_APPEND")
    },
    "os.open O_CREAT": (os.open, "made", os.O_CREAT),
    "os.open all": (os.open, "made", os.O_CREAT | os.O_EXCL | os.O_WRONLY),
    **{f"open {mode}": (open, "made", mode) for mode in ("w", "x", "a", "r+b")},
    "link": (os.link, "there", "made"),
    "symlink": (os.symlink, "there", "made"),
    "rename": (os.rename, "there", "made"),
    "replace": (os.replace, "there", "made"),
    "remove": (os.remove, "there"),
    "unlink": (os.unlink, "there"),
    "rmdir": (os.rmdir, "folder"),
    "mkdir": (os.mkdir, "made"),
    "mkfifo": (os.mkfifo, "made"),
    "mknod": (os.mknod, "made"),
    "truncate": (os.truncate, "there", 0),
    "chmod": (os.chmod, "there", 0o777),
    "chown": (os.chown, "there", -1, -1),
    "utime": (os.utime, "there", (1, 1)),
    "kill": (exec, SIGNAL, {}),
    "killpg": (os.killpg, 1 << 22, 0),
    "system": (os.system, "true"),
    "popen": (subprocess.check_call, ["true"]),
    "exec": (os.execv, "/bin/true", ["true"]),
    "spawn": (os.posix_spawn, "/bin/true", ["true"], {}),
    "fork": (os.fork,),
    "forkpty": (os.forkpty,),
    "socket": (exec, DATAGRAM, {}),
    "ctypes": (exec, LIBC, {}),
}
PATHS = ("there", "made", "folder")


def state(folder):
    """All that can be seen of the files in a folder."""
    told = {}
    for path in sorted(folder.rglob("*")):
        seen = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        told[path.name] = (seen.st_mode, seen.st_nlink, seen.st_mtime_ns, seen.st_uid, content)
    return told


def test_the_sandbox_refuses_all_that_changes_something(tmp_path):
    (tmp_path / "there").write_bytes(b"as it was")
    (tmp_path / "folder").mkdir()
    before = state(tmp_path)
    with Sandbox(Bounds(30.0)) as sandbox:
        for name, (call, *arguments) in TRIED.items():
            inside = [str(tmp_path / each) if each in PATHS else each for each in arguments]
            told = ""
            try:
                sandbox.call(call, inside)
            except ExecutionError as error:
                told = str(error)
            assert "not allowed in an audit" in told, name
        assert sandbox.call(os.open, (str(tmp_path / "there"), os.O_RDONLY)) > 2
        assert "not refused" not in sandbox.enforced["python"]
        for name in ("link", "chmod", "signals", "sockets", "ctypes", "os.open to truncate"):
            assert f" {name}" in sandbox.enforced["python"]
    assert state(tmp_path) == before


def test_the_sandbox_has_no_secrets(monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "secret")
    with Sandbox(Bounds(10.0)) as sandbox:
        assert sandbox.call(os.getenv, ("SOME_API_KEY",)) is None


HALF = """
import os, stat, time
for number in range(3, 64):
    try:
        if stat.S_ISSOCK(os.fstat(number).st_mode):
            os.write(number, head)
    except OSError:
        pass
time.sleep(60)
"""
"""Writes the beginning of an answer to every line there is, and says no more."""


@pytest.mark.parametrize("head", [b"\0", (1000).to_bytes(8, "big") + b'{"value"'])
def test_half_an_answer_holds_nobody_up(head):
    with Sandbox(Bounds(30.0)) as sandbox:
        assert sandbox.call(max, ([1, 2],)) == 2
        sandbox.bounds = Bounds(1.5)
        with pytest.raises(SandboxStoppedError, match=r"not done after 1\.5 s"):
            sandbox.call(exec, (HALF, {"head": head}))


def test_an_answer_without_end_is_not_read():
    with Sandbox(Bounds(30.0)) as sandbox, pytest.raises(SandboxStoppedError):
        sandbox.call(exec, (HALF, {"head": (1 << 40).to_bytes(8, "big")}))


def test_only_what_a_test_found_is_told(monkeypatch):
    assert refusals._told({"link": True, "kill": False}) == (
        "refused to Python code: link; not refused: kill"
    )
    # Without the hook in this process every try is let through, and comes to nothing.
    told = {name: refusals._is_refused(each) for name, each in refusals._attempts().items()}
    assert not any(told.values())
    assert refusals.can_map(1 << 20)
    assert refusals.can_grow_a_file()


def test_an_audit_runs_in_the_sandbox():
    found = audit_rollouts(tame("pick"), [tame("place_in")], 2, 0)
    assert [use.outcome for use in found.alone.uses] == ["done", "done"]
    assert found.enforced["memory"].startswith("at most")
    assert rollout_findings(found) == ()
    hung = audit_rollouts(tame("pick"), [], 200, 0, Bounds(seconds=1.0))
    assert [each.kind for each in rollout_findings(hung)] == ["stopped"]
