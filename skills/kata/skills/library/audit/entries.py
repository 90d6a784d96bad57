"""The names and kinds of a package's files, judged before any of them is opened."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from kata.skills.contract.package import CORE, LIMITS, MANIFEST, MOST_FILES
from kata.skills.contract.reading import shown
from kata.skills.contract.seal import SIGNATURE

from .report import AuditFinding

_LEROBOT = ("config.json", "model.safetensors", "policy_preprocessor", "policy_postprocessor")
_KINDS = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def judge_entries(folder: Path) -> tuple[tuple[str, ...], tuple[AuditFinding, ...]]:
    """The names of the files that may be opened, and what speaks against the others."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            got = "a link" if folder.is_symlink() else "no folder"
            return (), (AuditFinding("error", "entries", "", "not a package", "a folder", got),)
        with os.scandir(folder) as found:
            names = sorted(
                entry.name for entry, _ in zip(found, range(MOST_FILES + 1), strict=False)
            )
    except (OSError, ValueError) as error:
        return (), (AuditFinding("error", "entries", "", "cannot be read", got=str(error)[:200]),)
    findings = []
    if len(names) > MOST_FILES:
        expected = f"at most {MOST_FILES}"
        findings.append(AuditFinding("error", "entries", "", "too many files", expected))
    safe = []
    for name in names:
        against = list(_against(folder, name))
        findings += against
        if not any(finding.severity == "error" for finding in against):
            safe.append(name)
    findings += _alike(names)
    return tuple(safe), tuple(findings)


def _against(folder: Path, name: str) -> Iterator[AuditFinding]:
    told = shown(name)
    if bad := _odd_characters(name):
        yield AuditFinding("error", "names", told, f"a name with {bad}", "plain ASCII", told)
    status = (folder / name).lstat()
    if not stat.S_ISREG(status.st_mode):
        got = next((kind for test, kind in _KINDS if test(status.st_mode)), "no plain file")
        yield AuditFinding("error", "entries", told, "not a plain file", "a plain file", got)
        return
    limit = LIMITS.get(Path(name).suffix)
    if limit is None or (Path(name).suffix == ".sig" and name != SIGNATURE):
        suffix = shown(Path(name).suffix) or "none"
        expected = ", ".join(sorted(LIMITS))
        yield AuditFinding("error", "entries", told, "a file of another kind", expected, suffix)
        return
    if status.st_size > limit:
        size = f"{status.st_size} bytes"
        yield AuditFinding("error", "size", told, "a file too large", f"at most {limit}", size)
    if status.st_nlink > 1:
        got = f"{status.st_nlink} names"
        what = "a hard link: another name may change it"
        yield AuditFinding("error", "entries", told, what, "a file of its own", got)
    if status.st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH | stat.S_ISUID | stat.S_ISGID):
        yield AuditFinding("warning", "entries", told, "a file marked as a program")
    if not _is_read(name):
        yield AuditFinding("warning", "entries", told, "a file that nothing reads")


def _is_read(name: str) -> bool:
    known = (*CORE, MANIFEST, SIGNATURE)
    return name in known or name.endswith(".md") or name.startswith(_LEROBOT)


def _odd_characters(name: str) -> str:
    """What is wrong with the characters of a name; empty for plain ASCII."""
    if any(unicodedata.category(c) in ("Cf", "Cc", "Cs", "Co", "Zl", "Zp") for c in name):
        return "hidden or control characters"
    if not name.isascii():
        return "characters that look like others"
    if not name.strip() or name != name.strip() or any(c in name for c in '/\\:*?"<>|'):
        return "characters that mean something to a shell or another system"
    return "a leading point or dash" if name[0] in ".-" else ""


def _alike(names: list[str]) -> Iterator[AuditFinding]:
    """Names that are one name on a file system that folds case."""
    seen: dict[str, str] = {}
    for name in names:
        folded = unicodedata.normalize("NFKC", name).casefold()
        if folded in seen:
            got = f"{shown(seen[folded])} and {shown(name)}"
            yield AuditFinding("error", "names", shown(name), "two names that look alike", got=got)
        seen.setdefault(folded, name)
