"""Whose packages a robot loads: the one place where a signature becomes a permission.

| signature                  | policy own | policy trusted | with allow_unsigned |
|----------------------------|------------|----------------|---------------------|
| by the own key             | loads      | loads          | loads               |
| by a trusted key           | refused    | loads          | loads, and is told  |
| by another key, or none    | refused    | refused        | loads, and is told  |
| that is not one            | refused    | refused        | refused             |

`Trust` holds public keys only and can be pickled, so that workers, also those on other machines,
keep to the policy that the command was given.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from kata.datasets.files import write_file
from kata.datasets.types import PackageError, SignatureError, UnknownNameError
from kata.skills.contract.contract import Contract
from kata.skills.contract.package import (
    MANIFEST,
    Report,
    Writer,
    open_package,
    verify,
    write_package,
)
from kata.skills.contract.seal import SIGNATURE, Seal
from kata.skills.contract.skill import Skill

from .audit import AuditReport, require_bounded, require_clean
from .keys import fingerprint, is_signed
from .signing import Keyring

Policy = Literal["own", "trusted"]
POLICIES: tuple[Policy, ...] = get_args(Policy)

Standing = Literal["own", "trusted", "foreign", "unsigned", "forged"]
"""Of a package's signature: whose it is, or that there is none, or that it is not one."""

_log = logging.getLogger(__name__)
_TOLD: set[tuple[str, str]] = set()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a signature says about a package.

    Attributes:
        signer: fingerprint of the key; empty without a signature.
        name: what this user calls its owner; empty for an unknown one.
        admitted: whether the package may be loaded.
        waived: that it may only because unsigned ones are allowed.
    """

    standing: Standing
    signer: str = ""
    name: str = ""
    admitted: bool = False
    waived: bool = False

    def __str__(self) -> str:
        if self.standing == "unsigned":
            return "it is not signed"
        if self.standing == "forged":
            return f"its signature is not one of key {self.signer}: it was changed, or forged"
        known = f" of {self.name}" if self.name else ""
        whose = {"own": "your own", "trusted": "the trusted", "foreign": "a foreign"}
        return f"it is signed by {whose[self.standing]} key {self.signer}{known}"


@dataclass(frozen=True, slots=True)
class Trust:
    """The trust policy of a robot, and the keys that it knows.

    Attributes:
        policy: `own` loads what the own key signed, `trusted` also what trusted keys signed.
        own: the own public key; None while there is none.
        others: name by trusted public key.
        allow_unsigned: whether packages without a signature that counts are loaded too.
    """

    policy: Policy = "own"
    own: bytes | None = None
    others: Mapping[bytes, str] = field(default_factory=dict)
    allow_unsigned: bool = False

    @classmethod
    def of(cls, keyring: Keyring, policy: str = "own", *, allow_unsigned: bool = False) -> Trust:
        """The policy with the keys that there are now.

        Raises UnknownNameError for another policy, SignatureError for keys that cannot be used.
        """
        for known in POLICIES:
            if known == policy:
                others = {key.public: key.name for key in keyring.trusted()}
                return cls(known, keyring.own(), others, allow_unsigned)
        raise UnknownNameError("trust policy", policy, POLICIES, where="trust")

    def judge(self, report: Report) -> Verdict:
        """What the signature of a verified package is worth here."""
        seal = report.seal
        if seal is None:
            return self._unknown("unsigned")
        signer = fingerprint(seal.key)
        if not is_signed(seal.key, seal.signature, report.manifest):
            return Verdict("forged", signer)
        if seal.key == self.own:
            return Verdict("own", signer, admitted=True)
        if seal.key not in self.others:
            return self._unknown("foreign", signer)
        name = self.others[seal.key]
        if self.policy == "trusted":
            return Verdict("trusted", signer, name, admitted=True)
        return self._unknown("trusted", signer, name)

    def admit(self, report: Report) -> None:
        """Raise SignatureError for a package that may not be loaded; log one that is waived."""
        verdict = self.judge(report)
        named = f"{report.name}@{report.version}"
        if verdict.waived and (named, report.identity) not in _TOLD:
            _TOLD.add((named, report.identity))
            _log.warning("%s is loaded by allow_unsigned=true although %s", named, verdict)
        if not verdict.admitted:
            raise SignatureError(
                "a package that this robot does not trust",
                where=named,
                expected=_EXPECTED[self.policy],
                got=str(verdict),
                hint=_hint(verdict, named),
            )

    def open(self, folder: Path) -> Skill:
        """The skill of a package, verified and admitted, and audited if another key signed it.

        What the own key signed is not audited again: `kata library sign` audits before it signs,
        and the policies that Kata trained or made here are signed as they were written. Raises
        PackageError, ContractError, or SignatureError for one that is not trusted.
        """
        standing: list[Standing] = []

        def admit(report: Report) -> None:
            self.admit(report)
            standing.append(self.judge(report).standing)

        # Before the contract is parsed, which comes before its signature is judged.
        require_bounded(folder)
        skill = open_package(folder, admit)
        if standing != ["own"]:
            audited = require_clean(folder)
            if any(audited.files.get(name) != known for name, known in skill.files.items()):
                raise PackageError(
                    "a package that was changed while it was read", where=str(folder)
                )
        return skill

    def _unknown(self, standing: Standing, signer: str = "", name: str = "") -> Verdict:
        allowed = self.allow_unsigned
        return Verdict(standing, signer, name, admitted=allowed, waived=allowed)


_EXPECTED: Mapping[Policy, str] = {
    "own": "a package that your own key signed (trust=own)",
    "trusted": "a package that your own key or a trusted one signed (trust=trusted)",
}


def _hint(verdict: Verdict, named: str) -> str:
    if verdict.standing == "forged":
        return "get or make the package again; it must not be used"
    if verdict.standing == "trusted":
        return "trust=trusted loads what trusted keys signed"
    if verdict.standing == "foreign":
        return (
            f"kata library audit {named}; then trust its signer (kata library trust KEY name=NAME) "
            f"and load with trust=trusted, or vouch for it yourself: kata library sign {named}"
        )
    return (
        f"if it is yours, or kata library audit {named} finds nothing, vouch for it: "
        f"kata library sign {named}; allow_unsigned=true loads it once, and is logged"
    )


def sign_package(folder: Path, keyring: Keyring, audited: AuditReport | None = None) -> str:
    """Sign a package with the own key, over any signature that it has; the key's fingerprint.

    Args:
        folder: the package.
        keyring: signs.
        audited: what was looked at before: nothing else is signed. None for what this very process
            has written, which nobody looked at.

    Raises PackageError or ContractError for one that is not sound, or is not what was audited,
    SignatureError for a key that cannot be used, StorageError where the disk refuses.
    """
    report = verify(folder)
    signed = {MANIFEST: (len(report.manifest), hashlib.sha256(report.manifest).hexdigest())}
    if audited and not audited.is_of(report.identity, report.files | signed):
        raise PackageError(
            "a package that was changed after it was audited",
            where=str(folder),
            expected=f"identity {str(audited.identity)[:12]}",
            got=f"identity {report.identity[:12]}",
            hint="nothing was signed; find out who changed it",
        )
    public = keyring.public()
    if report.seal is None or report.seal.key != public or not _holds(report):
        seal = Seal(public, keyring.sign(report.manifest))
        write_file(folder / SIGNATURE, seal.to_bytes())
    return fingerprint(public)


def make_package(
    parent: Path,
    contract: Contract,
    policy: Writer,
    boundary: Writer | None = None,
    keyring: Keyring | None = None,
) -> Path:
    """Write a package as `write_package` does, and sign it with the own key."""
    package = write_package(parent, contract, policy, boundary)
    sign_package(package, keyring or Keyring())
    return package


def _holds(report: Report) -> bool:
    seal = report.seal
    return seal is not None and is_signed(seal.key, seal.signature, report.manifest)
