"""The library: versions, states, seeding, what is refused, speed, and kills."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kata.datasets.files import json_bytes, write_file
from kata.datasets.types import PackageError, UnknownNameError
from kata.skills.contract.files import read_contracts
from kata.skills.contract.package import scripted
from kata.skills.library.library import Library, default_root
from kata.skills.library.seed import seed
from kata.skills.library.trust import make_package

CONTRACTS = read_contracts(Path(__file__).resolve().parents[3] / "configs" / "skill")
PICK = next(contract for contract in CONTRACTS if contract.name == "pick")


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library")


@pytest.fixture
def made(tmp_path):
    """Makes a package of `pick` in some version."""

    def make(version, policy="pick"):
        contract = replace(PICK, version=version)
        return make_package(tmp_path / f"made-{policy}", contract, scripted(policy))

    return make


def test_the_default_place(monkeypatch, tmp_path):
    monkeypatch.setenv("KATA_HOME", str(tmp_path))
    assert Library().root == tmp_path / "library"
    monkeypatch.delenv("KATA_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_root().name == "library"
    assert default_root().parent.name == "kata"


def test_an_empty_library_lists_nothing_and_makes_nothing(library):
    assert library.list() == ()
    assert library.verify() == ()
    assert library.skills() == ()
    assert not library.root.exists()
    with pytest.raises(UnknownNameError, match="there is none"):
        library.get("pick")


def test_seeding_makes_every_scripted_expert_usable(library):
    added = seed(library, CONTRACTS)
    assert [str(entry) for entry in added] == [f"{c.name}@0.1.0" for c in CONTRACTS]
    assert {entry.state for entry in library.list()} == {"candidate"}
    assert [skill.scripted for skill in library.skills()] == [c.name for c in CONTRACTS]
    assert [finding.problem for finding in library.verify()] == [""] * len(CONTRACTS)
    assert seed(library, CONTRACTS) == ()


def test_seeding_leaves_what_is_there_alone(library, made):
    library.add(made("3.0.0"))
    assert "pick" not in {entry.name for entry in seed(library, CONTRACTS)}
    assert library.best("pick").version == "3.0.0"


def test_seeding_goes_round_a_package_that_is_broken(library):
    seed(library, CONTRACTS)
    broken = library.folder("open", "0.1.0")
    (broken / "manifest.json").unlink()
    assert seed(library, CONTRACTS) == ()
    assert library.survey()[1] == (broken,)
    assert [bool(finding.problem) for finding in library.verify()].count(True) == 1


def test_versions_and_states(library, made):
    for version in ("1.0.0", "1.2.0", "1.10.0"):
        library.add(made(version))
    assert [entry.version for entry in library.list()] == ["1.0.0", "1.2.0", "1.10.0"]
    assert library.best("pick").version == "1.10.0"
    old = library.set_state(library.show("pick@1.0.0"), "promoted", "measured")
    assert old.state == "promoted"
    assert library.best("pick") == old
    assert library.show("pick") == old
    assert library.get("pick@1.2.0").contract.version == "1.2.0"
    assert library.next_version("pick") == "1.11.0"
    assert library.next_version("place") == "1.0.0"
    for entry in library.list():
        library.set_state(entry, "retired", "test")
    with pytest.raises(PackageError, match="every version of 'pick' is retired"):
        library.best("pick")
    assert library.skills() == ()
    assert library.get("pick@1.0.0").contract.name == "pick"


def test_what_was_promoted_last_is_in_use_and_rolled_back_first(library, made):
    for number, version in enumerate(("1.0.0", "1.2.0", "1.1.0"), 1):
        entry = library.add(made(version))
        library.set_state(entry, "promoted", "test", promotion={"number": number})
    assert [library.in_use("pick").version, library.best("pick").version] == ["1.1.0", "1.1.0"]
    gone = []
    for _ in range(2):
        back, last = library.roll_back("pick", "test")
        gone.append((last.version, back.version))
    assert gone == [("1.1.0", "1.2.0"), ("1.2.0", "1.0.0")]


def test_records_are_only_ever_added(library, made):
    entry = library.add(made("1.0.0"), "candidate", "first try")
    library.record(entry, "evidence", {"trials": 100, "successes": 97})
    library.set_state(entry, "promoted", "97 of 100")
    records = library.records(entry)
    assert [record.kind for record in records] == ["state", "evidence", "state"]
    assert records[0].data == {"state": "candidate", "reason": "first try"}
    assert library.records(entry, "evidence")[0].data["successes"] == 97
    assert [record.path.name for record in records] == [
        "000001-state.json",
        "000002-evidence.json",
        "000003-state.json",
    ]


def test_adding_twice_changes_nothing_and_another_content_is_refused(library, made):
    entry = library.add(made("1.0.0"))
    library.set_state(entry, "promoted", "good")
    assert library.add(made("1.0.0")).state == "promoted"
    assert len(library.records(entry)) == 2
    with pytest.raises(PackageError, match=r"the next one is 1\.1\.0"):
        library.add(made("1.0.0", "other"))


def test_unknown_names_are_answered_with_the_nearest(library, made):
    library.add(made("1.0.0"))
    with pytest.raises(UnknownNameError, match="did you mean 'pick'"):
        library.get("pik")
    with pytest.raises(UnknownNameError, match=r"expected: one of 1\.0\.0"):
        library.show("pick@1.0.1")
    with pytest.raises(UnknownNameError, match="did you mean 'promoted'"):
        library.set_state(library.show("pick"), "promote", "")
    with pytest.raises(UnknownNameError):
        library.add(made("1.1.0"), "best")
    with pytest.raises(UnknownNameError):
        library.verify("place")
    assert len(library.list()) == 1


def test_an_unsound_package_is_not_let_in(library, made):
    package = made("1.0.0")
    (package / "policy.json").write_text("{}")
    with pytest.raises(PackageError, match=r"altered policy\.json"):
        library.add(package)
    assert library.list() == ()


def test_a_corrupt_package_is_found_and_never_used(library, made):
    entry = library.add(made("1.0.0"))
    library.add(made("2.0.0"))
    (entry.folder / "policy.json").write_text("{}")
    problems = {finding.folder.name: finding.problem for finding in library.verify()}
    assert "altered policy.json" in problems["pick-1.0.0"]
    assert problems["pick-2.0.0"] == ""
    assert len(library.verify("pick@2.0.0")) == 1
    with pytest.raises(PackageError):
        library.get("pick@1.0.0")
    assert library.get("pick").contract.version == "2.0.0"


def test_foreign_folders_are_reported_and_not_listed(library, made):
    library.add(made("1.0.0"))
    (library.root / "skills" / "holiday-pictures").mkdir()
    (library.root / "skills" / "pick-1.0.0").rename(library.root / "skills" / "pick-9.9.9")
    problems = {finding.folder.name: finding.problem for finding in library.verify()}
    assert problems["holiday-pictures"].startswith("not a package")
    assert problems["pick-9.9.9"] == "holds pick-1.0.0"
    entries, unreadable = library.survey()
    assert entries == ()
    assert [folder.name for folder in unreadable] == ["holiday-pictures", "pick-9.9.9"]


def test_a_broken_record_is_told(library, made):
    entry = library.add(made("1.0.0"))
    path = library.root / "records" / entry.identity / "000002-state.json"
    path.write_text("{")
    assert "000002-state.json cannot be read" in library.verify()[0].problem
    with pytest.raises(PackageError, match="a record that cannot be read"):
        library.records(entry)


def test_listing_a_thousand_skills_is_fast(library):
    names = [f"skill_{i:04d}" for i in range(1000)]
    manifest = {"format": 1, "version": "1.0.0", "summary": "x", "files": {}}
    for i, name in enumerate(names):
        folder = library.root / "skills" / f"{name}-1.0.0"
        folder.mkdir(parents=True)
        body = manifest | {"name": name, "identity": f"{i:064x}"}
        (folder / "manifest.json").write_bytes(json_bytes(body))
        record = {"format": 1, "skill": body["identity"], "kind": "state"}
        place = library.root / "records" / body["identity"]
        place.mkdir(parents=True)
        content = record | {"data": {"state": "candidate", "reason": "x"}}
        (place / "000001-state.json").write_text(json.dumps(content))
    assert [entry.name for entry in library.list()] == names  # checks every record, and keeps it
    begin = time.process_time()
    entries = library.list()
    assert time.process_time() - begin < 0.3
    assert [entry.name for entry in entries] == names


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from kata.skills.contract.files import read_contracts
from kata.skills.contract.package import scripted
from kata.skills.library.library import Library

contracts = read_contracts(Path(sys.argv[2]))
library = Library(Path(sys.argv[1]) / "library")
print("ready", flush=True)
for i in range(10_000):
    contract = replace(contracts[i % 8], version=f"1.{i}.0")
    package = make_package(Path(sys.argv[1]) / "made", contract, scripted("x"))
    entry = library.add(package)
    library.set_state(entry, "candidate", "measured")
    print(entry, flush=True)
"""


@pytest.mark.parametrize("delay_s", [0.05, 0.13, 0.31])
def test_a_kill_leaves_every_announced_skill_whole(tmp_path, delay_s):
    folder = Path(__file__).resolve().parents[3] / "configs" / "skill"
    command = [sys.executable, "-c", WRITER, str(tmp_path), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay_s)
        os.kill(process.pid, signal.SIGKILL)
        announced = process.stdout.read().split()
    library = Library(tmp_path / "library")
    assert [finding.problem for finding in library.verify() if finding.problem] == []
    states = {str(entry): entry.state for entry in library.list()}
    assert {states[name] for name in announced} <= {"candidate"}
    assert library.add(make_package(tmp_path / "again", PICK, scripted("y"))).name == "pick"


def test_temporary_leftovers_are_not_listed(library, made):
    library.add(made("1.0.0"))
    left = library.root / "skills" / ".pick-2.0.0.abcd.tmp"
    left.mkdir()
    write_file(left / "skill.yaml", b"half")
    assert len(library.list()) == 1
    assert [finding.problem for finding in library.verify()] == [""]
