"""The contracts of the skills that demonstrations were cut into: proposed, or the user's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kata.datasets.types import ConfigError, ContractError

from . import build
from .job import Job
from .segmenting_backup import write_keeping
from .workspace import write_text

if TYPE_CHECKING:
    from kata.skills.contract.contract import Contract
    from kata.skills.handover.segmentation.cuts_file import Cuts
    from kata.skills.handover.segmentation.seen import Seen

FOLDER, PROPOSED = "contracts", "proposed.json"
"""Where the contracts are; and what was proposed, to see which of them somebody has edited."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """The contract of each skill by its name.

    Attributes:
        files: where each is, from the run's folder.
        whose: `proposed`, `edited` or `own`.
        reasons: why a skill has none.
    """

    contracts: Mapping[str, Contract]
    files: Mapping[str, str]
    whose: Mapping[str, str]
    reasons: Mapping[str, str]


def drafted(job: Job, cuts: Cuts, views: Mapping[int, Seen]) -> Drafted:
    """The contracts of these cuts, written into the run's folder.

    The user's own come first, then a proposal that somebody has edited, then the proposal. Of an
    edited one that the user's own takes the place of there is a copy in `before`.
    """
    from kata.skills.contract.files import contract_text, parse_contract
    from kata.skills.handover.segmentation.named import drafts

    own = _own(job.config.contracts, tuple(cuts.skills))
    proposals, reasons = drafts(cuts, views)
    before = job.folder.read_json(PROPOSED) or {}
    digests: dict[str, str] = {}
    contracts: dict[str, Contract] = {}
    whose: dict[str, str] = {}
    folder = job.folder / FOLDER
    for name in cuts.skills:
        path = folder / f"{name}.yaml"
        if name in own:
            contracts[name], whose[name] = own[name], "own"
        elif path.exists() and before.get(name) != _digest(path.read_bytes()):
            contracts[name] = parse_contract(path.read_bytes(), where=str(path))
            _check_name(contracts[name], name, str(path))
            whose[name] = "edited"
            digests[name] = before.get(name, "")
            continue
        elif name in proposals:
            contracts[name], whose[name] = proposals[name], "proposed"
        else:
            continue
        text, file = contract_text(contracts[name]), f"{FOLDER}/{name}.yaml"
        if path.exists() and before.get(name) != _digest(path.read_bytes()):
            write_keeping(job.folder.path, file, text)
        else:
            folder.mkdir(exist_ok=True)
            write_text(path, text)
        digests[name] = _digest(text.encode())
    _clear(folder, before, tuple(cuts.skills))
    job.folder.write_json(PROPOSED, digests)
    files = {name: f"{FOLDER}/{name}.yaml" for name in contracts}
    left = {name: why for name, why in reasons.items() if name not in contracts}
    return Drafted(contracts, files, whose, left)


def _clear(folder: Path, before: Mapping[str, str], names: tuple[str, ...]) -> None:
    """Take away proposals for names that no segment has any more, unless somebody edited them."""
    for name, digest in before.items():
        path = folder / f"{name}.yaml"
        if name not in names and path.exists() and _digest(path.read_bytes()) == digest:
            path.unlink()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _own(given: str | None, names: tuple[str, ...]) -> dict[str, Contract]:
    """Which of these skills the user has contracts for."""
    if not given:
        return {}
    if given == "default":
        return {c.name: replace(c) for c in build.contracts() if c.name in names}
    from kata.skills.contract.files import read_contract

    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise ConfigError(
            "no folder of contracts",
            where=f"contracts={given}",
            expected="a folder that holds NAME.yaml, or default",
        )
    found = {name: folder / f"{name}.yaml" for name in names}
    own = {name: read_contract(path) for name, path in found.items() if path.exists()}
    if not own:
        raise ConfigError(
            "none of the skills has a contract there",
            where=f"contracts={given}",
            expected=" or ".join(f"{name}.yaml" for name in names),
            hint="name the segments as your contracts are named",
        )
    for name, contract in own.items():
        _check_name(contract, name, str(found[name]))
    return own


def _check_name(contract: Contract, name: str, where: str) -> None:
    if contract.name != name:
        raise ContractError(
            "a contract of another name", where=where, expected=name, got=contract.name
        )
