"""What is meant by the text of a source, as in `kata library install SOURCE`.

FOLDER                                   a package, or what kata train left
FILE.zip, FILE.tar.gz, FILE.tgz          an archive of one package
git+URL[@REVISION][#FOLDER]              a tree of a Git repository; URL may be a path
hf://ORG/NAME[@REVISION][#FOLDER]        a model repository of the Hugging Face Hub
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from kata.datasets.types import PackageError
from kata.skills.contract.reading import shown

from .archive import ARCHIVES
from .parts import is_folder

Kind = Literal["folder", "archive", "git", "hub"]

PROTOCOLS = ("https", "ssh", "file")
"""What a Git tree may be fetched through."""

_EXPECTED = "a folder, FILE.zip, FILE.tar.gz, git+URL@REVISION#FOLDER or hf://ORG/NAME@REVISION"
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./+-]{0,199}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a package is, not yet looked at.

    Attributes:
        place: a path, the URL of a Git repository, or `ORG/NAME`.
        revision: branch, tag or commit; empty for the newest.
        subfolder: of the repository; empty for its top, or the one package in it.
    """

    kind: Kind
    place: str
    revision: str = ""
    subfolder: str = ""

    def __str__(self) -> str:
        """As it may be told and recorded: without a password that stands in a URL."""
        prefix = {"git": "git+", "hub": "hf://"}.get(self.kind, "")
        place = self.place
        if self.kind == "git" and "://" in place:
            parts = urlsplit(place)
            place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        at = f"@{self.revision}" if self.revision else ""
        return f"{prefix}{place}{at}" + (f"#{self.subfolder}" if self.subfolder else "")


def parse_source(text: str) -> Source:
    """The source that a text means. Raises PackageError for a text that means none."""
    if text.startswith("hf://"):
        place, revision, subfolder = _parts(text.removeprefix("hf://"), text)
        if not _REPOSITORY.fullmatch(place):
            raise _no_source(text, "hf://ORG/NAME", place)
        return Source("hub", place, revision, subfolder)
    if text.startswith("git+"):
        return _git(text)
    if "://" in text:
        hint = f"git+{_without_password(text)}" if text.startswith(("https://", "ssh://")) else ""
        raise _no_source(text, _EXPECTED, "", f"if it is a Git repository: {hint}" if hint else "")
    path = Path(text).expanduser()
    if "\0" in text or not path.exists():
        raise PackageError("there is no such source", where=shown(text, 400), expected=_EXPECTED)
    return Source("archive" if path.name.endswith(ARCHIVES) else "folder", str(path.absolute()))


def _git(text: str) -> Source:
    rest = text.removeprefix("git+")
    place, revision, subfolder = _parts(rest, text)
    if "://" not in place:
        # A path may hold an @; what is there is meant as it stands.
        whole = Path(rest.partition("#")[0]).expanduser()
        path, revision = (whole, "") if whole.exists() else (Path(place).expanduser(), revision)
        if not path.exists():
            raise PackageError("there is no such repository", where=shown(text, 400))
        return Source("git", path.absolute().as_uri(), revision, subfolder)
    try:
        protocol = urlsplit(place).scheme
    except ValueError as error:
        raise _no_source(text, "git+URL", str(error)) from None
    if protocol not in PROTOCOLS:
        raise _no_source(text, " or ".join(f"git+{name}://" for name in PROTOCOLS), protocol)
    return Source("git", place, revision, subfolder)


def _parts(rest: str, text: str) -> tuple[str, str, str]:
    """Place, revision and subfolder. The @ of a user in a URL is no revision's."""
    rest, mark, subfolder = rest.partition("#")
    host, slashes, path = rest.partition("://")
    user, slash, tail = path.partition("/") if slashes else ("", "", host)
    tail, at, revision = tail.rpartition("@") if "@" in tail else (tail, "", "")
    if at and not (_REVISION.fullmatch(revision) and ".." not in revision):
        raise _no_source(text, "@REVISION: a branch, a tag or a commit", revision)
    if mark and not is_folder(subfolder):
        raise _no_source(text, "#FOLDER: names with / between them", subfolder)
    place = f"{host}{slashes}{user}{slash}{tail}" if slashes else tail
    return place, revision, subfolder


def _no_source(text: str, expected: str, got: str, hint: str = "") -> PackageError:
    return PackageError(
        "not a source of packages",
        where=_without_password(shown(text, 400)),
        expected=expected,
        got=shown(got),
        hint=hint,
    )


def _without_password(text: str) -> str:
    return re.sub(r"://[^/@]*@", "://", text)
