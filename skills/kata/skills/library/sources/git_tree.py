"""A package from a tree of a Git repository, by the `git` command, without a checkout.

A new bare repository gets the one revision; its tree is listed, checked, and then the files that
the manifest names are written as they are stored. So nothing of what a repository may bring is run:
no hook, no filter (nor Git LFS), no submodule. Only the protocols of `source.PROTOCOLS` are spoken,
and nobody is asked for a password.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kata.datasets.files import told
from kata.datasets.types import PackageError
from kata.skills.contract.package import MANIFEST
from kata.skills.contract.reading import shown

from .parts import MOST_BYTES, Parts, claimed, only_folder, wanted
from .source import PROTOCOLS, Source

PATIENCE_S = 600.0
"""How long one command of Git may take."""

_MOST_MEMORY, _MOST_LISTED, _MOST_COMPLAINT = 16 << 30, 16 << 20, 16 << 10
_HEX = re.compile(r"[0-9a-f]{4,64}")
_KEPT = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
_LARGE_FILE = b"version https://git-lfs.github.com/spec/"
_SAFE = (
    *("core.hooksPath=/dev/null", "core.fsmonitor=false", "fetch.fsckObjects=true"),
    *("fetch.unpackLimit=1", "gc.auto=0", "maintenance.auto=false", "protocol.version=2"),
)
_ALL = ("+refs/heads/*:refs/kata/heads/*", "+refs/tags/*:refs/kata/tags/*")


def fetch_git(source: Source, into: Path, room: Path) -> str:
    """Write a package's files into the folder `into`; the commit that they are from.

    Args:
        source: what to fetch.
        into: an empty folder.
        room: another one, for the repository.

    Raises PackageError for what cannot be fetched or is no package, StorageError where the disk
    refuses.
    """
    git = _Git(str(source), room)
    git.run("init", "--quiet", "--bare", "--template=", ".")
    commit = _fetch(git, source)
    files = _files(git, commit)
    folder = only_folder(files, source.subfolder, str(source))
    here = {
        path.removeprefix(folder): blob
        for path, blob in files.items()
        if path.startswith(folder) and "/" not in path.removeprefix(folder)
    }
    sizes, parts = {name: blob.size for name, blob in here.items()}, Parts(str(source), into)
    for name in wanted([MANIFEST], sizes, parts):
        git.write(here[name], into / name)
    for name in wanted(claimed(into)[1:], sizes, parts):
        git.write(here[name], into / name)
    return commit


@dataclass(frozen=True, slots=True)
class _Blob:
    """A file of a tree: its kind (`100644` for a plain one), name in Git, and bytes."""

    mode: str
    name: str
    size: int


class _Git:
    """The command in one bare repository, with nothing of the user's that could run anything."""

    def __init__(self, where: str, room: Path) -> None:
        self._where, self._room = where, room
        kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _KEPT}
        self._environment = {
            **kept,
            "GIT_ALLOW_PROTOCOL": ":".join(PROTOCOLS),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "LC_ALL": "C",
        }
        self._environment.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")

    def run(self, *arguments: str) -> bytes:
        """What a command says. Raises PackageError with what it complained of."""
        code, said, complaint = self.try_(*arguments)
        if code:
            raise self.refused("Git cannot get the tree", complaint)
        return said

    def try_(self, *arguments: str, output: Path | None = None) -> tuple[int, bytes, str]:
        """Exit code, output and complaint of a command; the output may go to a new file."""
        said, told_wrong = output or self._room / "said", self._room / "complaint"
        with ExitStack() as stack:
            with told(said):
                file = stack.enter_context(said.open("xb" if output else "wb"))
                wrong = stack.enter_context(told_wrong.open("w+b"))
            code = self._call(arguments, file.fileno(), wrong.fileno())
            wrong.seek(max(0, wrong.seek(0, os.SEEK_END) - _MOST_COMPLAINT))
            complaint = _complaint(wrong.read())
        if output:
            return code, b"", complaint
        if said.stat().st_size > _MOST_LISTED:
            raise self.refused("the tree is too large", f"more than {_MOST_LISTED} bytes of names")
        return code, said.read_bytes(), complaint

    def write(self, blob: _Blob, target: Path) -> None:
        """Write a file as it is stored. Raises PackageError."""
        if blob.mode not in ("100644", "100755"):
            raise self.refused("not a plain file", target.name)
        code, _, complaint = self.try_("cat-file", "blob", blob.name, output=target)
        if code or target.stat().st_size != blob.size:
            raise self.refused("Git cannot get a file", complaint or target.name)
        with target.open("rb") as file:
            if file.read(len(_LARGE_FILE)) == _LARGE_FILE:
                raise self.refused(
                    "a file is kept in Git LFS, which is not fetched",
                    target.name,
                    "install it from an archive or the Hub",
                )

    def refused(self, what: str, got: str, hint: str = "") -> PackageError:
        """The error of this source."""
        return PackageError(what, where=self._where, got=shown(got, 300), hint=hint)

    def _call(self, arguments: tuple[str, ...], output: int, wrong: int) -> int:
        command = ["git", *(word for each in _SAFE for word in ("-c", each)), *arguments]
        try:
            return subprocess.run(
                command,
                cwd=self._room,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=wrong,
                timeout=PATIENCE_S,
                preexec_fn=_bound,
                check=False,
            ).returncode
        except FileNotFoundError:
            raise self.refused(
                "the command git is not there", "", "install Git, or use an archive"
            ) from None
        except subprocess.TimeoutExpired:
            raise self.refused("Git takes too long", f"more than {PATIENCE_S:g} s") from None


def _bound() -> None:
    """In the child: no file and no memory beyond what a package may need."""
    for kind, most in ((resource.RLIMIT_FSIZE, MOST_BYTES), (resource.RLIMIT_AS, _MOST_MEMORY)):
        # A system may know no such bound, or have a lower one: then that one holds.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def _fetch(git: _Git, source: Source) -> str:
    """Get the revision, alone if the other side gives it; its commit."""
    revision = source.revision or "HEAD"
    quiet = ("fetch", "--quiet", "--no-tags", "--no-recurse-submodules")
    code, _, complaint = git.try_(*quiet, "--depth=1", "--", source.place, revision)
    if not code:
        return _commit(git, "FETCH_HEAD")
    if not _HEX.fullmatch(revision):
        raise git.refused("Git cannot get the tree", complaint)
    # A commit that no branch or tag names, or the beginning of its name: only all of them help.
    git.run(*quiet, "--", source.place, *_ALL)
    return _commit(git, revision)


def _commit(git: _Git, name: str) -> str:
    code, said, _ = git.try_("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if code:
        raise git.refused("there is no such revision", name)
    return said.decode("ascii").strip()


def _files(git: _Git, commit: str) -> Mapping[str, _Blob]:
    """Every file of a commit by its path; names that are no text are left out."""
    files = {}
    for line in git.run("ls-tree", "-r", "-z", "-l", "--full-tree", commit).split(b"\0"):
        about, _, path = line.partition(b"\t")
        words = about.decode("ascii", "replace").split()
        if len(words) == 4:
            size = int(words[3]) if words[3].isdigit() else -1
            files[os.fsdecode(path)] = _Blob(words[0], words[2], size)
    return files


def _complaint(said: bytes) -> str:
    """The line in which Git says what is wrong, without a password in a URL."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    worst = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
    return re.sub(r"://[^/@\s]*@", "://", worst[0]) if worst else ""
