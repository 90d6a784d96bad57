"""Packages: written whole, verified file by file, safe to open."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kata.datasets.files import write_file
from kata.datasets.types import ContractError, PackageError, StorageError
from kata.skills.contract.contract import Contract
from kata.skills.contract.files import read_contracts
from kata.skills.contract.package import (
    LIMITS,
    open_package,
    scripted,
    verify,
    write_package,
)
from kata.skills.contract.storage import append_file, publish, staging

ROOT = Path(__file__).resolve().parents[3]
PICK = next(c for c in read_contracts(ROOT / "configs" / "skill") if c.name == "pick")


def admit_all(report):
    """Who signed it is asked elsewhere."""


def learned(folder):
    write_file(folder / "policy.json", b'{"kind": "regression"}\n')
    write_file(folder / "policy.safetensors", b"weights")


def boundary(folder):
    write_file(folder / "boundary.json", b"{}\n")


@pytest.fixture
def package(tmp_path):
    return write_package(tmp_path, PICK, learned, boundary)


def test_a_package_holds_what_its_manifest_says(package):
    assert package.name == "pick-1.0.0"
    assert sorted(path.name for path in package.iterdir()) == [
        "boundary.json",
        "manifest.json",
        "policy.json",
        "policy.safetensors",
        "skill.yaml",
    ]
    report = verify(package)
    assert (report.name, report.version) == ("pick", "1.0.0")
    assert set(report.files) == {path.name for path in package.iterdir()} - {"manifest.json"}


def test_the_manifest_is_golden(tmp_path):
    contract = Contract.from_data(
        {
            "format": 2,
            "name": "open",
            "version": "1.0.0",
            "summary": "Open it.",
            "parameters": {"container": "openable"},
            "achieves": "open(?container)",
            "duration_s": 5.0,
        }
    )
    folder = write_package(tmp_path, contract, scripted("open"))
    golden = ROOT / "tests" / "data" / "manifest.json"
    assert (folder / "manifest.json").read_text() == golden.read_text()


def test_identity_is_over_contract_policy_and_boundary(tmp_path):
    first = verify(write_package(tmp_path / "a", PICK, learned)).identity
    assert first == verify(write_package(tmp_path / "b", PICK, learned)).identity
    others = [
        write_package(tmp_path / "c", replace(PICK, summary="Another."), learned),
        write_package(tmp_path / "d", PICK, scripted("pick")),
        write_package(tmp_path / "e", PICK, learned, boundary),
    ]
    assert len({first, *(verify(folder).identity for folder in others)}) == 4


def test_a_version_never_changes(tmp_path, package):
    assert write_package(tmp_path, PICK, learned, boundary) == package
    with pytest.raises(PackageError, match="this version exists with other content"):
        write_package(tmp_path, PICK, learned)
    verify(package)
    assert [path.name for path in tmp_path.iterdir() if "tmp" in path.name] == []


def test_a_failing_writer_leaves_nothing(tmp_path):
    def broken(folder):
        learned(folder)
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        write_package(tmp_path, PICK, broken)
    assert list(tmp_path.iterdir()) == []


def damage_altered(folder):
    (folder / "policy.safetensors").write_bytes(b"wEights")


def damage_missing(folder):
    (folder / "policy.safetensors").unlink()


def damage_surplus(folder):
    (folder / "notes.md").write_text("x")


def damage_code(folder):
    (folder / "policy.py").write_text("import os")


def damage_pickle(folder):
    (folder / "policy.pkl").write_bytes(b"\x80\x04.")


def damage_link(folder):
    (folder / "policy.safetensors").unlink()
    (folder / "policy.safetensors").symlink_to("/etc/passwd")


def damage_folder(folder):
    (folder / "more").mkdir()


def damage_large(folder):
    with (folder / "boundary.json").open("wb") as file:
        file.truncate(LIMITS[".json"] + 1)


def damage_identity(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"identity": "0" * 64}))


def damage_name(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"name": "place"}))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (damage_altered, "altered policy.safetensors"),
        (damage_missing, "missing policy.safetensors"),
        (damage_surplus, "surplus notes.md"),
        (damage_code, "unsafe policy.py (suffix .py)"),
        (damage_pickle, "unsafe policy.pkl (suffix .pkl)"),
        (damage_link, "unsafe policy.safetensors (a link)"),
        (damage_folder, "unsafe more (not a plain file)"),
        (damage_large, "unsafe boundary.json (larger than 8388608 bytes)"),
        (damage_identity, "altered identity"),
        (damage_name, "name 'place' against 'pick' in skill.yaml"),
    ],
)
def test_every_damage_is_named(package, damage, named):
    damage(package)
    with pytest.raises(PackageError) as caught:
        verify(package)
    assert caught.value.got == named


def test_several_damages_are_listed_together(package):
    damage_code(package)
    damage_altered(package)
    damage_surplus(package)
    with pytest.raises(PackageError) as caught:
        open_package(package, admit_all)
    assert str(caught.value) == (
        f"not the package that its manifest describes (in {package})\n"
        "  expected: every file as in manifest.json, and no other\n"
        "  got:      unsafe policy.py (suffix .py); surplus notes.md; altered policy.safetensors\n"
        "  do:       get or make the package again; it must not be used"
    )


def manifest_with(**changed):
    whole = {"format": 1, "name": "pick", "version": "1.0.0", "summary": "", "files": {}}
    return json.dumps({**whole, "identity": "0" * 64, **changed}).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not a package"),
        (b"{", "not plain JSON"),
        (b"[" * 100_000, "not plain JSON"),
        (b"[" * 40 + b"]" * 40, "not plain JSON"),
        (b'{"format": 1, "format": 1}', "not plain JSON"),
        (b'{"format": NaN}', "not plain JSON"),
        (b'{"format": 1e999}', "not plain JSON"),
        (b'{"name": "\\ud800"}', "not plain JSON"),
        (b"\xff\xfe{\x00}\x00", "not plain JSON"),
        (b"[]", "unknown manifest"),
        (b'{"format": 2}', "unknown manifest"),
        (b'{"format": 1, "name": "x"}', "incomplete manifest"),
        (manifest_with(version="1.0"), "impossible manifest"),
        (manifest_with(name="../pick"), "impossible manifest"),
        (manifest_with(identity="x"), "impossible manifest"),
    ],
)
def test_bad_manifests_are_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(PackageError, match=message):
        verify(tmp_path)


def test_a_manifest_that_lists_a_path_outside_is_refused(package):
    manifest = json.loads((package / "manifest.json").read_text())
    manifest["files"]["../../secret.json"] = {"bytes": 1, "sha256": "0"}
    (package / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(PackageError, match=r"missing \.\./\.\./secret\.json"):
        verify(package)


def test_a_linked_manifest_is_refused(package):
    (package / "manifest.json").rename(package.parent / "elsewhere.json")
    (package / "manifest.json").symlink_to(package.parent / "elsewhere.json")
    with pytest.raises(PackageError, match="unsafe manifest"):
        verify(package)


def test_a_scripted_skill_asks_the_callers_resolver(tmp_path):
    skill = open_package(write_package(tmp_path, PICK, scripted("pick")), admit_all)
    assert skill.contract == PICK
    assert skill.scripted == "pick"
    expert = object()
    assert skill.load_policy(lambda name: {"pick": expert}[name]) is expert
    with pytest.raises(PackageError, match="a scripted policy without its expert"):
        skill.load_policy()


def test_the_boundary_is_read_only_if_there_is_one(tmp_path, package):
    names = open_package(package, admit_all).load_boundary(
        lambda folder: [path.name for path in folder.iterdir()]
    )
    assert names == ["boundary.json"]
    bare = open_package(write_package(tmp_path / "bare", PICK, learned), admit_all)
    assert bare.load_boundary(lambda folder: folder.name) is None
    assert bare.scripted == ""


def test_a_policy_that_is_no_object_is_refused(tmp_path):
    folder = write_package(tmp_path, PICK, lambda f: write_file(f / "policy.json", b"3"))
    with pytest.raises(PackageError, match="not a policy"):
        open_package(folder, admit_all).load_policy()


def test_a_bad_contract_inside_is_told_as_such(tmp_path):
    def overwriting(folder):
        learned(folder)
        (folder / "skill.yaml").write_text("format: 7\n")

    with pytest.raises(ContractError, match="unknown format"):
        write_package(tmp_path, PICK, overwriting)


def test_numbered_files_never_replace_one_another(tmp_path):
    seen = []

    def content(number, before):
        seen.append((number, before))
        return b"{%d}" % number

    names = [append_file(tmp_path, "state.json", content).name for _ in range(3)]
    names.append(append_file(tmp_path, "evidence.json", content).name)
    assert seen == [(1, b""), (2, b"{1}"), (3, b"{2}"), (4, b"{3}")]
    assert names == [
        "000001-state.json",
        "000002-state.json",
        "000003-state.json",
        "000004-evidence.json",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_publishing_over_a_folder_is_refused(tmp_path):
    with staging(tmp_path / "x") as staged:
        (staged / "a.json").write_text("{}")
        (tmp_path / "x").mkdir()
        (tmp_path / "x" / "b.json").write_text("{}")
        assert publish(staged, tmp_path / "x") is False
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_full_or_missing_disk_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="refused to write"):
        write_file(tmp_path / "file" / "x.json", b"{}")
    with pytest.raises(StorageError, match="refused to write"):
        append_file(tmp_path / "file" / "x", "state.json", lambda *_: b"{}")
