"""Processes that write into one library at once, and processes that are killed while they do."""

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kata.datasets.types import PackageError
from kata.skills.contract.files import read_contracts
from kata.skills.contract.package import scripted, verify
from kata.skills.contract.storage import alone
from kata.skills.library import placing
from kata.skills.library.entries import survey_files
from kata.skills.library.library import Library
from kata.skills.library.signing import Keyring
from kata.skills.library.sources.packing import pack
from kata.skills.library.trust import make_package

SKILLS = Path(__file__).resolve().parents[3] / "configs" / "skill"
PICK = next(contract for contract in read_contracts(SKILLS) if contract.name == "pick")

START = """
import sys
from pathlib import Path
from kata.skills.library.library import Library
from kata.skills.library.signing import Keyring
from kata.skills.library.sources.install import install

root, made, which = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
library = Library(root, Keyring(root.parent / "keys"))
print("ready", flush=True)
"""

CONTENDER = (
    START
    + """
for number in range(4):
    for package in sorted(made.glob("pick-[12]*")):
        entry = library.add(package, told={"source": {"by": which}})
    library.record(library.show("pick@1.0.0"), "evidence", {"by": which, "number": number})
    library.pin(f"pick@1.{number % 3}.0", f"{which} {number}")
    own = library.show(f"pick@2.{which}.0")
    library.set_state(own, "retired" if number % 2 else "candidate", f"{number}")
    library.list()
"""
)

WORKER = (
    START
    + """
for number in range(10_000):
    entry = library.add(made / f"pick-1.{number % 3}.0")
    if entry.state == "draft":
        library.set_state(entry, "candidate", "test")
    print("is", entry, flush=True)
    done = install(library, str(made / f"pick-3.{number % 2}.0.zip"))
    print("is", done.entry, flush=True)
    library.pin(f"pick@1.{number % 3}.0")
    library.index.rebuild()
    library.unpin("pick")
    library.list()
"""
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Packages of several versions in a folder, two as archives, and the key that signed them."""
    folder = tmp_path_factory.mktemp("packages")
    keyring = Keyring(folder / "keys")
    for version in ("1.0.0", "1.1.0", "1.2.0", "2.0.0", "2.1.0", "2.2.0", "3.0.0", "3.1.0"):
        contract = replace(PICK, version=version)
        package = make_package(folder / "made", contract, scripted("pick"), keyring=keyring)
        if version.startswith("3"):
            pack(package, verify(package), folder / "made" / f"{package.name}.zip")
            shutil.rmtree(package)
    return folder


def library_of(made: Path, folder: Path) -> Library:
    shutil.copytree(made / "keys", folder / "keys")
    return Library(folder / "library", Keyring(folder / "keys"))


def started(code: str, library: Library, made: Path, which: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, str(library.root), str(made / "made"), str(which)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_nothing_is_lost_where_processes_write_at_once(made, tmp_path):
    library = library_of(made, tmp_path)
    processes = [started(CONTENDER, library, made, which) for which in range(3)]
    for process in processes:
        process.communicate(timeout=120)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert [finding.problem for finding in library.verify()] == [""] * 6
    assert library.survey() == survey_files(library.root, library.keyring)
    for entry in library.list():
        told = {record.data["by"] for record in library.records(entry, "source")}
        assert told == {0, 1, 2}
        assert library.records(entry)[0].data == {"state": "draft", "reason": "added"}
        assert len(told) == len(library.records(entry, "source"))
    evidence = library.records(library.show("pick@1.0.0"), "evidence")
    assert {(r.data["by"], r.data["number"]) for r in evidence} == {
        (which, number) for which in range(3) for number in range(4)
    }
    for which in range(3):
        states = library.records(library.show(f"pick@2.{which}.0"), "state")
        reasons = [record.data["reason"] for record in states]
        assert reasons == ["added", *(str(number) for number in range(4))]
    pins = sorted((library.root / "pins" / "pick").iterdir())
    assert [path.name[:6] for path in pins] == [f"{n:06d}" for n in range(1, len(pins) + 1)]
    assert library.best("pick").version == library.pins()["pick"].version


WAITER = (
    START
    + """
entry = library.show("pick@1.0.0")
steps = {
    "add": lambda: library.add(made / "pick-1.1.0"),
    "state": lambda: library.set_state(entry, "candidate", "test"),
    "pin": lambda: library.pin("pick@1.0.0"),
    "sweep": library.sweep,
}
for name, step in steps.items():
    sys.stdin.readline()
    step()
    print(name, flush=True)
"""
)


def test_each_change_waits_for_the_one_before(made, tmp_path):
    library = library_of(made, tmp_path)
    library.add(made / "made" / "pick-1.0.0")
    command = [sys.executable, "-c", WAITER, str(library.root), str(made / "made"), "0"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for name in ("add", "state", "pin", "sweep"):
            with alone(library.root):
                process.stdin.write("\n")
                process.stdin.flush()
                assert not select.select([process.stdout], [], [], 0.3)[0], name
            assert process.stdout.readline() == f"{name}\n"
    assert library.best("pick").state == "candidate"


def test_a_package_that_changes_while_it_is_copied_is_not_let_in(made, tmp_path, monkeypatch):
    library = library_of(made, tmp_path)
    copy = placing.copy_plain

    def other(path, target, most):
        done = copy(path, target, most)
        if path.name == "manifest.sig":
            (target.parent / "policy.json").write_text("{}")
        return done

    monkeypatch.setattr(placing, "copy_plain", other)
    with pytest.raises(PackageError, match=r"altered policy\.json"):
        library.add(made / "made" / "pick-1.0.0")
    assert library.list() == ()
    assert library.recorded() == ()


def killed(made: Path, folder: Path, delay_s: float) -> None:
    """A kill at an instant of add, install, pin or reindex leaves a sound library."""
    library = library_of(made, folder)
    with started(WORKER, library, made, 0) as process:
        time.sleep(delay_s)
        os.kill(process.pid, signal.SIGKILL)
        assert process.stdout is not None
        announced = {line.removeprefix("is ") for line in process.stdout.read().splitlines()}
    assert [finding.problem for finding in library.verify() if finding.problem] == []
    entries, unreadable = library.survey()
    assert (entries, unreadable) == survey_files(library.root, library.keyring)
    assert unreadable == ()
    assert announced <= {str(entry) for entry in entries}
    for entry in entries:
        kinds = [record.kind for record in library.records(entry)]
        assert kinds[0] == "state"
        assert ("source" in kinds) == entry.version.startswith("3")
    if entries:
        library.best("pick")
    entry = library.add(made / "made" / "pick-1.0.0")
    library.pin(str(entry))
    library.sweep()
    left = {path.name for path in library.root.glob(".*")} - {".index.lock", ".index.sqlite.tmp"}
    assert left == set()
    assert not any(path.name.startswith(".") for path in (library.root / "skills").iterdir())


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_leaves_a_sound_library(made, tmp_path, seed):
    killed(made, tmp_path, random.Random(seed).uniform(0.0, 0.6))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_many_kills_leave_a_sound_library(made, tmp_path, seed):
    killed(made, tmp_path, random.Random(1000 + seed).uniform(0.0, 1.5))
