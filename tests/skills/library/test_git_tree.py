"""Packages from Git: revisions as people name them, and nothing of a repository is ever run."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from kata.datasets.types import PackageError
from kata.skills.contract.files import read_contracts
from kata.skills.contract.package import scripted
from kata.skills.library.library import Library
from kata.skills.library.signing import Keyring
from kata.skills.library.sources import git_tree
from kata.skills.library.sources.install import install
from kata.skills.library.trust import make_package

CONTRACTS = read_contracts(Path(__file__).resolve().parents[3] / "configs" / "skill")
PICK = next(contract for contract in CONTRACTS if contract.name == "pick")


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "library", Keyring(tmp_path / "keys"))


class Repository:
    """A repository of a stranger."""

    def __init__(self, root: Path, keyring: Keyring) -> None:
        self.root, self._keyring = root, keyring
        root.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "protocol.file.allow=always"]
        command = ["git", *who, *arguments]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def put(self, version: str, folder: str = "pick", name: str = "pick") -> Path:
        contract = replace(PICK, name=name, version=version)
        made = make_package(
            self.root.parent / f"made-{version}", contract, scripted(name), keyring=self._keyring
        )
        shutil.copytree(made, self.root / folder, dirs_exist_ok=True)
        return self.root / folder

    def commit(self) -> str:
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--message=more")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path, library):
    return Repository(tmp_path / "repository", library.keyring)


def test_a_revision_is_named_as_people_do(library, repository):
    repository.put("1.0.0")
    (repository.root / "LICENSE").write_text("do what you want")
    first = repository.commit()
    repository.git("tag", "v1")
    repository.git("tag", "--annotate", "--message=x", "v1-told")
    repository.git("checkout", "--quiet", "-b", "feature/new")
    repository.put("1.1.0")
    second = repository.commit()
    repository.git("checkout", "--quiet", "main")
    place = repository.root
    for text, version, commit in (
        (f"git+{place}", "1.0.0", first),
        (f"git+file://{place}@v1", "1.0.0", first),
        (f"git+{place}@v1-told", "1.0.0", first),
        (f"git+{place}@feature/new", "1.1.0", second),
        (f"git+{place}@{second}", "1.1.0", second),
        (f"git+{place}@{first[:9]}#pick", "1.0.0", first),
    ):
        done = install(library, text)
        assert (done.entry.version, done.revision) == (version, commit)
    entry = library.show("pick@1.1.0")
    names = {path.name for path in entry.folder.iterdir()}
    assert names == {"skill.yaml", "policy.json", "manifest.json", "manifest.sig"}
    told = [record.data for record in library.records(entry, "source")]
    assert told[0] == {
        "kind": "git",
        "revision": second,
        "source": f"git+file://{place}@feature/new",
    }
    assert library.trust.open(entry.folder).contract.version == "1.1.0"
    assert list(library.root.glob(".*.tmp")) == []


def test_the_package_may_lie_at_the_top_beside_other_things(library, repository):
    repository.put("1.0.0", ".")
    (repository.root / "README.md").write_text("# Skills\n")
    (repository.root / "tools").mkdir()
    (repository.root / "tools" / "run.sh").write_text("echo")
    repository.commit()
    entry = install(library, f"git+{repository.root}").entry
    assert not (entry.folder / "README.md").exists(), "its manifest does not name it"


def test_of_several_packages_one_is_named(library, repository):
    repository.put("1.0.0", "skills/pick")
    repository.put("1.0.0", "skills/pluck", "pluck")
    repository.commit()
    with pytest.raises(PackageError, match=r"#skills/pick, #skills/pluck"):
        install(library, f"git+{repository.root}")
    assert install(library, f"git+{repository.root}#skills/pluck").entry.name == "pluck"
    with pytest.raises(PackageError, match="no package"):
        install(library, f"git+{repository.root}#skills/nothing")


def test_nothing_of_a_repository_is_run(library, repository, tmp_path, monkeypatch):
    told = tmp_path / "it-was-run"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {told}\ncat\n")
    program.chmod(0o755)
    repository.put("1.0.0")
    (repository.root / ".gitattributes").write_text("* filter=evil\n*.yaml export-ignore\n")
    for hook in ("post-checkout", "reference-transaction", "post-merge", "pre-auto-gc"):
        shutil.copy(program, repository.root / ".git" / "hooks" / hook)
    commit = repository.commit()
    told.unlink(missing_ok=True)
    # The user's own configuration knows the filter, as that of Git LFS does, and a folder of hooks.
    home = tmp_path / "home"
    (home / "hooks").mkdir(parents=True)
    shutil.copy(program, home / "hooks" / "reference-transaction")
    (home / ".gitconfig").write_text(
        f'[filter "evil"]\n smudge = {program}\n clean = {program}\n process = {program}\n'
        f"[core]\n hooksPath = {home / 'hooks'}\n fsmonitor = {program}\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(home))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    # The second way fetches all branches, and so changes references, of which hooks are told.
    for text in (f"git+{repository.root}", f"git+{repository.root}@{commit[:9]}"):
        install(library, text)
        assert not told.exists()


def test_submodules_are_not_followed(library, repository, tmp_path):
    inner = Repository(tmp_path / "inner", library.keyring)
    inner.put("1.0.0", ".")
    inner.commit()
    (repository.root / "README.md").write_text("x")
    repository.git("submodule", "--quiet", "add", str(inner.root), "pick")
    repository.commit()
    with pytest.raises(PackageError, match="no package"):
        install(library, f"git+{repository.root}")


def test_what_is_no_plain_file_is_refused(library, repository):
    package = repository.put("1.0.0")
    (package / "policy.json").unlink()
    (package / "policy.json").symlink_to("/etc/passwd")
    repository.commit()
    with pytest.raises(PackageError, match="not a plain file"):
        install(library, f"git+{repository.root}")


def test_large_files_of_git_lfs_are_told(library, repository):
    package = repository.put("1.0.0")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (package / "policy.json").write_text(pointer)
    repository.commit()
    with pytest.raises(PackageError, match="Git LFS"):
        install(library, f"git+{repository.root}")


def test_a_file_that_is_too_large_is_not_written(library, repository):
    package = repository.put("1.0.0")
    (package / "skill.yaml").write_text("#" * (64 << 10) + "\n")
    repository.commit()
    with pytest.raises(PackageError, match="too large"):
        install(library, f"git+{repository.root}")


def test_a_repository_beyond_all_bounds_is_stopped(library, repository, monkeypatch):
    repository.put("1.0.0")
    (repository.root / "noise").write_bytes(os.urandom(3 << 20))
    repository.commit()
    monkeypatch.setattr(git_tree, "MOST_BYTES", 1 << 20)
    with pytest.raises(PackageError, match="Git cannot get the tree"):
        install(library, f"git+{repository.root}")
    assert library.list() == ()
    assert list(library.root.glob(".*.tmp")) == []


def test_what_cannot_be_fetched_is_told(library, repository, tmp_path, monkeypatch):
    repository.put("1.0.0")
    repository.commit()
    place = repository.root
    for text, told in (
        (f"git+{place}@nope", "couldn't find remote ref nope"),
        (f"git+{place}@0123abcd", "there is no such revision"),
        (f"git+{tmp_path / 'nowhere'}", "there is no such repository"),
        (f"git+file://{tmp_path / 'nowhere'}", "Git cannot get the tree"),
        ("git+https://me:secret@127.0.0.1:1/pick.git", "Git cannot get the tree"),
    ):
        with pytest.raises(PackageError, match=told) as caught:
            install(library, text)
        assert "secret" not in str(caught.value)
    monkeypatch.setattr(git_tree, "PATIENCE_S", 0.0)
    with pytest.raises(PackageError, match="takes too long"):
        install(library, f"git+{place}")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PackageError, match="the command git is not there"):
        install(library, f"git+{place}")
    assert library.list() == ()
