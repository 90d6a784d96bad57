"""The index: whatever was done to the files or to it, it answers what the files say."""

import json
import os
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kata.datasets.files import json_bytes
from kata.skills.library import index as module
from kata.skills.library.entries import survey_files
from kata.skills.library.index import FILE, Index

NAMES, VERSIONS = ("pick", "pick_up", "place"), ("1.0.0", "1.2.0", "1.10.0")
COARSE_NS = 10**15
"""A tick of eleven days: whatever a test changes, its times stay the same."""


class Files:
    """A library made by hand: manifests and states, without policies behind them."""

    def __init__(self, root: Path) -> None:
        self.root, self.made = root, 0
        (root / "skills").mkdir(parents=True)

    def folder(self, name: str, version: str) -> Path:
        return self.root / "skills" / f"{name}-{version}"

    def write_manifest(self, folder: Path) -> None:
        """In place, with as many bytes each time."""
        self.made += 1
        name, _, version = folder.name.rpartition("-")
        body = {"format": 1, "name": name, "version": version, "files": {}}
        body |= {
            "identity": f"{zlib.crc32(folder.name.encode()) % 7:064x}",
            "summary": f"{self.made:09d}",
        }
        folder.mkdir(exist_ok=True)
        (folder / "manifest.json").write_bytes(json_bytes(body))

    def write_state(self, folder: Path, number: int, state: str) -> None:
        """A record, new or over another one."""
        records = self.root / "records" / f"{zlib.crc32(folder.name.encode()) % 7:064x}"
        records.mkdir(parents=True, exist_ok=True)
        body = {"format": 1, "skill": records.name, "kind": "state", "data": {"state": state}}
        (records / f"{number:06d}-state.json").write_text(json.dumps(body))

    def do(self, step: tuple[str, str, str, int]) -> None:
        """One change, as a user, another process or a disk makes it."""
        what, name, version, number = step
        folder, index = self.folder(name, version), self.root / FILE
        if what == "manifest":
            self.write_manifest(folder)
        elif what == "half":
            folder.mkdir(exist_ok=True)
            (folder / "manifest.json").unlink(missing_ok=True)
        elif what == "gone":
            shutil.rmtree(folder, ignore_errors=True)
        elif what == "moved" and folder.exists():
            shutil.rmtree(self.folder(name, "9.9.9"), ignore_errors=True)
            folder.rename(self.folder(name, "9.9.9"))
        elif what == "state":
            self.write_state(folder, number % 3 + 1, ("draft", "retired", "nonsense")[number % 3])
        elif what == "stateless":
            shutil.rmtree(self.root / "records", ignore_errors=True)
        elif what == "no index":
            index.unlink(missing_ok=True)
        elif what == "flipped" and index.exists():
            content = bytearray(index.read_bytes() or b"0")
            content[number % len(content)] ^= 1 << number % 8
            index.write_bytes(content)
        elif what == "cut" and index.exists():
            os.truncate(index, number % (index.stat().st_size + 1))
        elif what == "rebuilt":
            Index(self.root).rebuild()

    def check(self) -> None:
        """Both ways to ask, of the index and of the files, in either order."""
        told = survey_files(self.root)
        for name in NAMES:
            mine = tuple(entry for entry in told[0] if entry.name == name)
            assert Index(self.root).versions(name) == mine
        assert Index(self.root).survey() == told
        assert Index(self.root).versions("pick") == tuple(e for e in told[0] if e.name == "pick")


WHAT = ("manifest", "half", "gone", "moved", "state", "stateless", "no index", "flipped", "cut")
STEPS = st.tuples(
    st.sampled_from((*WHAT, "manifest", "state", "rebuilt")),
    st.sampled_from(NAMES),
    st.sampled_from(VERSIONS),
    st.integers(0, 1 << 20),
)


@pytest.fixture(params=["fine", "coarse"])
def clock(request, monkeypatch):
    """The file system's own clock, and one so coarse that no time ever changes."""
    if request.param == "coarse":
        stamp, tick = module._stamp, module._tick

        def coarse_stamp(path, *, own=False):
            inode, changed = stamp(path, own=own)
            return inode, changed - changed % COARSE_NS

        def coarse_tick(descriptor):
            now = tick(descriptor)
            return now - now % COARSE_NS

        monkeypatch.setattr(module, "_stamp", coarse_stamp)
        monkeypatch.setattr(module, "_tick", coarse_tick)
    return request.param


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=1, max_size=12), look=st.lists(st.booleans(), min_size=12))
def test_it_answers_what_the_files_say(tmp_path_factory, clock, steps, look):
    files = Files(tmp_path_factory.mktemp("library") / "library")
    for step, looked in zip(steps, look, strict=False):
        files.do(step)
        if looked:
            files.check()
    files.check()
    files.check()
    shutil.rmtree(files.root)


@pytest.fixture
def files(tmp_path):
    made = Files(tmp_path / "library")
    for name in NAMES:
        for version in VERSIONS:
            made.write_manifest(made.folder(name, version))
            made.write_state(made.folder(name, version), 1, "candidate")
    return made


def settle(files: Files) -> None:
    """Ask until nothing that was read is of the present tick."""
    for _ in range(3):
        time.sleep(0.02)
        Index(files.root).survey()


def test_it_reads_no_file_again_that_did_not_change(files, monkeypatch):
    settle(files)
    read = []
    monkeypatch.setattr(module, "read_own_manifest", read.append)
    assert len(Index(files.root).survey()[0]) == 9
    assert [entry.version for entry in Index(files.root).versions("pick")] == list(VERSIONS)
    assert read == []


def test_one_change_is_read_alone(files, monkeypatch):
    settle(files)
    changed = files.folder("place", "1.2.0")
    files.write_manifest(changed)
    read, real = [], module.read_own_manifest
    monkeypatch.setattr(
        module, "read_own_manifest", lambda folder: (read.append(folder), real(folder))[1]
    )
    assert Index(files.root).survey() == survey_files(files.root)
    assert read == [changed]


def test_every_byte_of_the_index_counts(files):
    settle(files)
    path = files.root / FILE
    content = path.read_bytes()
    for at in range(0, len(content), 97):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
        assert Index(files.root)._read("") == (module._UNSETTLED, "", [])
    path.write_bytes(content)
    assert len(Index(files.root)._read("")[2]) == 9


def test_another_schema_is_made_anew(files, monkeypatch):
    settle(files)
    monkeypatch.setattr(module, "SCHEMA", module.SCHEMA + 1)
    assert Index(files.root)._read("")[2] == []
    assert Index(files.root).survey() == survey_files(files.root)
    assert len(Index(files.root)._read("")[2]) == 9


def test_an_index_in_the_way_of_nothing(files):
    (files.root / FILE).mkdir()
    for _ in range(2):
        assert Index(files.root).survey() == survey_files(files.root)


def test_a_folder_with_a_name_that_is_no_text(files):
    Path(os.fsdecode(os.fsencode(files.root / "skills") + b"/\xff-1.0.0")).mkdir()
    for _ in range(2):
        assert Index(files.root).survey() == survey_files(files.root)


def test_without_a_library_nothing_is_made(tmp_path):
    index = Index(tmp_path / "library")
    assert index.survey() == index.rebuild() == ((), ())
    assert index.versions("pick") == ()
    assert not index.root.exists()


ASKER = """
import sys
from pathlib import Path
from kata.skills.library.entries import survey_files
from kata.skills.library.index import Index

root = Path(sys.argv[1])
while not (root / "stop").exists():
    Index(root).survey()
    Index(root).rebuild()
sys.exit(Index(root).survey() != survey_files(root))
"""


def test_processes_that_ask_at_once_while_files_change(files):
    askers = [subprocess.Popen([sys.executable, "-c", ASKER, str(files.root)]) for _ in range(2)]
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        files.do(("manifest", "pick", "1.2.0", 0))
        files.do(("gone" if files.made % 2 else "manifest", "place", "1.0.0", 0))
        files.do(("state", "pick", "1.0.0", files.made))
        assert Index(files.root).survey() == survey_files(files.root)
    (files.root / "stop").touch()
    assert [asker.wait(60) for asker in askers] == [0, 0]


def listing_s(root: Path, count: int) -> tuple[float, float]:
    """Processor time in s to list that many versions through the index, and to find one skill's."""
    files = Files(root)
    for i in range(count):
        files.write_manifest(files.folder(f"skill_{i // 2:04d}", f"1.{i % 2}.0"))
    settle(files)
    begin = time.process_time()
    entries, _ = Index(root).survey()
    middle = time.process_time()
    versions = Index(root).versions("skill_0471")
    end = time.process_time()
    assert len(entries) == count
    assert versions == entries[2 * 471 : 2 * 471 + 2]
    return middle - begin, end - middle


def test_a_thousand_versions_are_listed_at_once(tmp_path):
    listing, finding = listing_s(tmp_path / "library", 1000)
    assert listing < 0.1
    assert finding < 0.05


@pytest.mark.slow
def test_ten_thousand_versions_are_listed_at_once(tmp_path):
    # From the files it takes two seconds; from the index 0.18 s, and 2 ms.
    listing, finding = listing_s(tmp_path / "library", 10_000)
    assert listing < 0.8
    assert finding < 0.05
