"""Archives: packed and unpacked to the byte, and what is not exactly a package is refused whole."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from kata.datasets.types import PackageError, StorageError
from kata.skills.contract.files import read_contracts
from kata.skills.contract.package import scripted, verify
from kata.skills.library.library import Library
from kata.skills.library.signing import Keyring
from kata.skills.library.sources import parts
from kata.skills.library.sources.archive import ARCHIVES, unpack
from kata.skills.library.sources.install import install
from kata.skills.library.sources.packing import pack
from kata.skills.library.trust import make_package

CONTRACTS = read_contracts(Path(__file__).resolve().parents[3] / "configs" / "skill")
PICK = next(contract for contract in CONTRACTS if contract.name == "pick")


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library", Keyring(tmp_path / "keys"))


@pytest.fixture
def package(tmp_path, library):
    """One with weights and a page beside what each has."""

    def policy(folder):
        scripted("pick")(folder)
        save_file({"w": np.arange(5000, dtype=np.float32)}, folder / "boundary.safetensors")
        (folder / "README.md").write_text("# Pick\n\nIt picks.\n")

    return make_package(tmp_path / "made", PICK, policy, keyring=library.keyring)


@pytest.mark.parametrize("suffix", ARCHIVES)
def test_an_archive_gives_back_every_byte_and_is_the_same_each_time(
    library, package, tmp_path, suffix
):
    first, second = tmp_path / f"a{suffix}", tmp_path / "deep" / f"b{suffix}"
    digest = pack(package, verify(package), first)
    (package / "skill.yaml").touch()
    assert pack(package, verify(package), second) == digest
    assert first.read_bytes() == second.read_bytes()
    done = install(library, str(first))
    assert (done.new, done.revision, str(done.source)) == (True, digest, str(first))
    there = {path.name: path.read_bytes() for path in done.entry.folder.iterdir()}
    assert there == {path.name: path.read_bytes() for path in package.iterdir()}
    (record,) = library.records(done.entry, "source")
    assert record.data == {"kind": "archive", "revision": digest, "source": str(first)}
    assert library.records(done.entry)[0].data["state"] == "draft"
    assert not install(library, str(second)).new
    assert [path.name for path in library.root.glob(".*.tmp")] == []


def test_what_cannot_be_packed_is_told(package, tmp_path):
    report = verify(package)
    with pytest.raises(PackageError, match="not the name of an archive"):
        pack(package, report, tmp_path / "pick.rar")
    (tmp_path / "there.zip").write_text("mine")
    with pytest.raises(PackageError, match="a file of this name already"):
        pack(package, report, tmp_path / "there.zip")
    assert (tmp_path / "there.zip").read_text() == "mine"
    (package / "policy.json").write_bytes((package / "policy.json").read_bytes()[:-1] + b" ")
    with pytest.raises(PackageError, match="changed while it was packed"):
        pack(package, report, tmp_path / "changed.zip")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        pack(package, report, tmp_path / "file" / "pick.zip")
    assert not list(tmp_path.glob(".*")), "nothing half made is left"


def member(name: str, content: bytes = b"x", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


LEAVES, NO_FILE = "a path that leaves", "no plain file"
TARS = {
    "an absolute path": ([member("/tmp/skill.yaml")], LEAVES),
    "a path upwards": ([member("pick/../../skill.yaml")], LEAVES),
    "a path that is only dots": ([member("..")], LEAVES),
    "a path with a backslash": ([member("..\\skill.yaml")], LEAVES),
    "a symbolic link": ([member("pick/x.md", b"", type=tarfile.SYMTYPE, linkname="/")], NO_FILE),
    "a hard link": ([member("pick/x.md", b"", type=tarfile.LNKTYPE, linkname="/etc")], NO_FILE),
    "a device": ([member("pick/x.md", b"", type=tarfile.CHRTYPE)], NO_FILE),
    "a pipe": ([member("pick/x.md", b"", type=tarfile.FIFOTYPE)], NO_FILE),
    "a program": ([member("pick/setup.py")], "no package holds"),
    "a pickle": ([member("pick/policy.pkl")], "no package holds"),
    "a hidden file": ([member("pick/.bashrc.json")], "a name that no file"),
    "two folders": ([member("place/skill.yaml")], "more than one folder"),
    "a folder in the folder": ([member("pick/more/skill.yaml")], "more than one folder"),
    "a name twice": ([member("pick/skill.yaml")], "comes twice"),
    "a name twice, but for its case": ([member("pick/a.md"), member("pick/A.md")], "comes twice"),
    "a file with holes": (
        [
            member(
                "pick/x.md",
                pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": "1000", "path": "x"},
            )
        ],
        NO_FILE,
    ),
    "too many files": ([member(f"pick/{n}.json") for n in range(65)], "too many files"),
    "too many folders": (
        [member(f"{n}", b"", type=tarfile.DIRTYPE) for n in range(1001)],
        "too many members",
    ),
    "a page that is too large": ([member("pick/x.md", bytes((1 << 20) + 1))], "too large"),
    "a file that nobody announced": ([member("pick/x.json", b"{}")], "surplus x.json"),
}


def members_of(package: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    """A good package as members: what is refused beside it is refused for itself."""
    return [member(f"pick/{path.name}", path.read_bytes()) for path in sorted(package.iterdir())]


@pytest.mark.parametrize("what", TARS)
def test_a_hostile_tar_is_refused_and_leaves_nothing(library, package, tmp_path, what):
    hostile, told = TARS[what]
    path = tar_of(tmp_path / "a.tar.gz", *members_of(package), *hostile)
    with pytest.raises(PackageError, match=told):
        install(library, str(path))
    assert library.list() == ()
    left = {item.name for item in library.root.rglob("*")} - {".index.lock", ".index.sqlite"}
    assert left == set()
    assert not (tmp_path / "skill.yaml").exists()


def test_the_good_one_beside_them_is_taken(library, package, tmp_path):
    path = tar_of(tmp_path / "a.tgz", member("./", b"", type=tarfile.DIRTYPE), *members_of(package))
    assert install(library, str(path)).new


def test_a_package_in_a_folder_in_a_folder_is_refused(library, package, tmp_path):
    members = members_of(package)
    for info, _ in members:
        info.name = f"skills/{info.name}"
    with pytest.raises(PackageError, match="more than one folder"):
        install(library, str(tar_of(tmp_path / "a.tgz", *members)))


@pytest.mark.parametrize("count", [0, 1])
def test_an_archive_without_a_package_is_refused(library, tmp_path, count):
    path = tar_of(tmp_path / "a.tgz", *[member("pick/skill.yaml")] * count)
    with pytest.raises(PackageError, match=r"not a package \(in .*a\.tgz\)"):
        install(library, str(path))


def zip_of(path: Path, *members: tuple[zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for info, content in members:
            archive.writestr(info, content)
    return path


def entry(name: str, mode: int = 0, compress: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr, info.compress_type = mode << 16, compress
    return info


ZIPS = {
    "an absolute path": (entry("/skill.yaml"), b"x", LEAVES),
    "a path upwards": (entry("../skill.yaml"), b"x", LEAVES),
    "a drive": (entry("C:\\skill.yaml"), b"x", LEAVES),
    "a link": (entry("pick/x.md", stat.S_IFLNK | 0o777), b"/etc/passwd", NO_FILE),
    "another compression": (entry("pick/x.md", compress=zipfile.ZIP_LZMA), b"x", "oddly"),
    "a program": (entry("pick/run.sh", stat.S_IFREG | 0o755), b"x", "no package holds"),
}


@pytest.mark.parametrize("what", ZIPS)
def test_a_hostile_zip_is_refused_and_leaves_nothing(library, package, tmp_path, what):
    info, content, told = ZIPS[what]
    good = [(entry(item.name), content) for item, content in members_of(package)]
    path = zip_of(tmp_path / "a.zip", *good, (info, content))
    with pytest.raises(PackageError, match=told):
        install(library, str(path))
    assert library.list() == ()
    assert not (tmp_path / "skill.yaml").exists()


def test_a_zip_that_announces_less_than_it_holds_is_refused(tmp_path):
    path = zip_of(tmp_path / "a.zip", (entry("skill.yaml"), b"x" * 1000))
    content = path.read_bytes()
    assert content.count(struct.pack("<II", 1000, 1000)) == 2
    path.write_bytes(content.replace(struct.pack("<II", 1000, 1000), struct.pack("<II", 1000, 10)))
    (tmp_path / "into").mkdir()
    with pytest.raises(PackageError):
        unpack(path, tmp_path / "into")


def test_a_zip_with_a_table_of_a_million_names_is_refused_unread(tmp_path, monkeypatch):
    path = zip_of(tmp_path / "a.zip", (entry("skill.yaml"), b"x"))
    content = path.read_bytes()
    at = content.rindex(b"PK\5\6") + 12
    path.write_bytes(content[:at] + struct.pack("<I", 50 << 20) + content[at + 4 :])
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it was read"))
    with pytest.raises(PackageError, match="too many members"):
        unpack(path, tmp_path)


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path, suffix):
    path, zeros = tmp_path / f"a{suffix}", bytes(100 << 20)
    if suffix == ".zip":
        zip_of(path, (entry("w.safetensors", compress=zipfile.ZIP_DEFLATED), zeros))
    else:
        tar_of(path, member("w.safetensors", zeros))
    assert path.stat().st_size < 1 << 20
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(PackageError, match=r"more than it may hold|far more than it is"):
        unpack(path, into)
    assert sum(file.stat().st_size for file in into.iterdir()) == 0


def test_a_header_that_would_fill_the_memory_is_refused(tmp_path):
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 40 << 20
    with gzip.open(tmp_path / "a.tar.gz", "wb") as file:
        file.write(info.tobuf(tarfile.PAX_FORMAT) + bytes(40 << 20))
    with pytest.raises(PackageError, match="a header that is too long"):
        unpack(tmp_path / "a.tar.gz", tmp_path)


def test_headers_that_go_on_and_on_are_refused(tmp_path):
    record = b"1048576 comment=" + b"x" * (1048576 - 17) + b"\n"
    info = tarfile.TarInfo("pax_global_header")
    info.type, info.size = tarfile.XGLTYPE, len(record)
    with gzip.open(tmp_path / "a.tar.gz", "wb", compresslevel=1) as file:
        for _ in range(80):
            file.write(info.tobuf(tarfile.USTAR_FORMAT) + record)
    with pytest.raises(PackageError, match="far more than it is"):
        unpack(tmp_path / "a.tar.gz", tmp_path)


def test_a_package_that_has_no_room_is_refused_first(library, package, tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    pack(package, verify(package), path)
    monkeypatch.setattr(parts.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(StorageError, match="no room"):
        install(library, str(path))


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_archive_is_refused_or_the_same(library, package, tmp_path, suffix, data):
    path = tmp_path / f"good{suffix}"
    if not path.exists():
        pack(package, verify(package), path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(len(content) // 2, len(content)))]
    broken = tmp_path / f"broken{suffix}"
    broken.write_bytes(content)
    try:
        done = install(library, str(broken))
    except PackageError:
        assert not list(library.root.glob(".*.tmp/*"))
    else:
        assert done.entry.identity == verify(package).identity
