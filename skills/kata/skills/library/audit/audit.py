"""The static audit: a package is looked at from outside to inside, and nothing of it is loaded.

First names and kinds of files, then their form (headers, nesting, sizes), then what they say. What
fails one step is not looked at by the next. Every file is read once; the digests that come with the
report are those of the bytes that were judged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from kata.datasets.types import ContractError, PackageError, RobotSpec
from kata.skills.contract.contract import Contract
from kata.skills.contract.files import parse_contract
from kata.skills.contract.package import LIMITS, MANIFEST, verify
from kata.skills.contract.reading import read_plain, shown
from kata.skills.contract.seal import SIGNATURE

from .caps import Caps
from .data import disguised, judge_json, judge_policy, judge_yaml
from .entries import judge_entries
from .report import AuditFinding, AuditReport, ranked
from .tensors import judge_tensors
from .terms import judge_terms
from .texts import judge_contract_texts, judge_markdown

_CONTRACT, _POLICY = "skill.yaml", "policy.json"
_UNCHECKED = frozenset({MANIFEST, SIGNATURE})


def audit_package(
    folder: Path, *, robot: RobotSpec | None = None, caps: Caps | None = None
) -> AuditReport:
    """Everything that speaks against a package; never raises for what is in it.

    With a `robot`, what that lacks for the skill is told too.
    """
    names, against = judge_entries(folder)
    findings = list(against)
    files: dict[str, tuple[int, str]] = {}
    contents: dict[str, bytes] = {}
    for name in names:
        found, digest, content = _file(folder / name)
        findings += found
        if digest is not None:
            files[name] = digest
        if content is not None:
            contents[name] = content
    contract = None
    if not any(each.severity == "error" and each.file == _CONTRACT for each in findings):
        contract, more = _contract(contents.get(_CONTRACT), caps or Caps(), robot)
        findings += more
    identity = ""
    if not any(each.severity == "error" for each in findings):
        identity, more = _whole(folder, files)
        findings += more
    return AuditReport(folder, ranked(findings), files, contract, identity)


def require_clean(folder: Path) -> AuditReport:
    """The audit of a package that nothing forbids. Raises PackageError that names every error."""
    report = audit_package(folder)
    report.require_ok()
    return report


def require_bounded(folder: Path) -> None:
    """The outermost of the audit's bounds, cheap enough to come before anything is parsed.

    A contract of bounded size may still be deep, or of very many keys: it is read event by event,
    and nothing is built. Raises PackageError.
    """
    path = folder / _CONTRACT
    if not path.is_file() or path.is_symlink():
        # That it is not there, or something else, is told by the check of the manifest.
        return
    found = judge_yaml(read_plain(path, LIMITS[path.suffix]), _CONTRACT)
    AuditReport(folder, ranked(found)).require_ok()


def _file(
    path: Path,
) -> tuple[list[AuditFinding], tuple[int, str] | None, bytes | None]:
    """What speaks against one file; digest and content of the bytes that were judged."""
    if path.suffix == ".safetensors":
        found, digest = judge_tensors(path, LIMITS[path.suffix])
        # Any byte may begin the length of a header: only what is no safetensors is a disguise.
        return list(found) + (_disguise(path.name, _start(path)) if found else []), digest, None
    try:
        content = read_plain(path, LIMITS[path.suffix])
    except PackageError as error:
        return [AuditFinding("error", "entries", path.name, error.what, got=error.got)], None, None
    digest = (len(content), hashlib.sha256(content).hexdigest())
    findings = _disguise(path.name, content)
    if not findings:
        findings = list(_content(path, content))
    return findings, digest, content


def _content(path: Path, content: bytes) -> list[AuditFinding]:
    if path.suffix == ".json":
        data, found = judge_json(content, path.name)
        policy = judge_policy(data, path.name) if path.name == _POLICY and data is not None else ()
        # The manifest repeats the summary, and is compared as a whole.
        kept = [each for each in found if path.name != MANIFEST or each.kind != "code"]
        return [*kept, *policy]
    if path.suffix == ".yaml":
        return list(judge_yaml(content, path.name))
    if path.suffix == ".md":
        try:
            return list(judge_markdown(content.decode("utf-8"), path.name))
        except UnicodeDecodeError:
            return [AuditFinding("error", "texts", path.name, "text that is not UTF-8")]
    return []


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError:
        return b""


def _disguise(name: str, content: bytes) -> list[AuditFinding]:
    found = disguised(content)
    if not found:
        return []
    expected = f"what {Path(name).suffix} says"
    return [AuditFinding("error", "disguise", name, f"{found} under another name", expected)]


def _contract(
    content: bytes | None, caps: Caps, robot: RobotSpec | None
) -> tuple[Contract | None, list[AuditFinding]]:
    if content is None:
        return None, [AuditFinding("error", "contract", _CONTRACT, "there is no contract")]
    try:
        contract = parse_contract(content, where=_CONTRACT)
    except ContractError as error:
        got = shown(" ".join(filter(None, (error.where, error.got))), 200)
        return None, [AuditFinding("error", "contract", _CONTRACT, error.what, error.expected, got)]
    found = [*judge_contract_texts(contract, _CONTRACT), *judge_terms(contract, caps, robot)]
    return contract, found


def _whole(folder: Path, files: Mapping[str, tuple[int, str]]) -> tuple[str, list[AuditFinding]]:
    """The identity, and what speaks against the package as a whole: manifest, hashes, signature."""
    try:
        report = verify(folder)
    except (PackageError, ContractError) as error:
        got = shown(error.got, 400)
        return "", [AuditFinding("error", "manifest", MANIFEST, error.what, error.expected, got)]
    changed = [name for name, known in report.files.items() if files.get(name) != known]
    if changed or _digest(report.manifest) != files.get(MANIFEST):
        what = "files that were changed while they were audited"
        return "", [AuditFinding("error", "manifest", ", ".join(changed) or MANIFEST, what)]
    return report.identity, []


def _digest(content: bytes) -> tuple[int, str]:
    return len(content), hashlib.sha256(content).hexdigest()
