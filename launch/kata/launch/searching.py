"""`kata library search`: the skills that a sentence means, with what the scene allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError

from . import build
from .job import Done, Job
from .seeds import episode_seed

if TYPE_CHECKING:
    from kata.skills.library.entries import Entry
    from kata.skills.library.library import Library
    from kata.skills.library.search.searching import Hit, SkillSearch


def searched(job: Job, text: str) -> Done:
    """The skills that a text means, the likeliest first; exit code 1 where there is none."""
    config = job.config
    if config.top < 1:
        raise ConfigError("nothing to show", where=f"top={config.top}", expected="1 or more")
    library = build.library_of(config)
    entries = {entry.identity: entry for entry in library.used()}
    found = search_of(library, list(entries.values()))
    facts = robot = None
    if config.facts:
        world = build.make_trial(config, "table")()
        world.reset(episode_seed(config.seed, "scene", 0))
        facts, robot = world.facts(), world.robot
    hits = found.search(text, top=config.top, facts=facts, robot=robot) if found else ()
    told = [_told(hit, entries[hit.key]) for hit in hits]
    lines = [line for each in told for line in _lines(each)]
    result = {"library": str(library.root), "text": text, "hits": told}
    then = f"kata library show {told[0]['name']}" if told else "kata library list"
    return Done(result, tuple(lines) or ("no skills in this library",), then, code=0 if told else 1)


def search_of(library: Library, entries: Sequence[Entry]) -> SkillSearch | None:
    """A search over these versions, its index kept in the library; None without any.

    Those whose contracts are not what their identities say are left out, which is logged. Raises
    PackageError or ContractError where so none is left.
    """
    from kata.skills.library.entries import read_own_contract
    from kata.skills.library.search.encoder import Encoder
    from kata.skills.library.search.searching import SkillSearch
    from kata.skills.library.search.storage import FILE, refreshed

    folders = {entry.identity: entry.folder for entry in entries}
    encoder = Encoder()
    index = refreshed(
        library.root / FILE,
        folders,
        lambda identity: read_own_contract(folders[identity], identity),
        encoder,
    )
    return None if index is None else SkillSearch(index, encoder)


def _told(hit: Hit, entry: Entry) -> dict[str, Any]:
    """A hit as `result.json` has it."""
    told: dict[str, Any] = {
        "name": entry.name,
        "version": entry.version,
        "identity": entry.identity,
        "summary": hit.contract.summary,
        "score": round(hit.score, 4),
    }
    if hit.fit is not None:
        call = f"{entry.name}({', '.join(hit.fit.values)})" if hit.fit.values else ""
        told |= {"status": hit.fit.status, "call": call, "missing": list(hit.fit.missing)}
    return told


_STATUS = {
    "now": "can start now",
    "later": "needs first",
    "done": "what it achieves is so already",
    "unfit": "does not fit this scene or robot",
}


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [f"{told['score']:6.2f}  {told['name']}@{told['version']:<9} {told['summary']}"]
    if "status" in told:
        missing = f" {', '.join(told['missing'])}" if told["status"] == "later" else ""
        called = f"{told['call']}: " if told["call"] else ""
        lines.append(f"        {called}{_STATUS[told['status']]}{missing}")
    return lines
