"""How well search finds what people mean: hand-written queries among two thousand other skills.

With `pytest -m slow --log-cli-level=INFO` and this file it tells the table of docs/search.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from kata.launch.bench.search_skills import templated
from kata.skills.evidence.interval import Interval
from kata.skills.evidence.paired import PairedOutcomes
from kata.skills.library.search.document import Document, documents
from kata.skills.library.search.encoder import Encoder
from kata.skills.library.search.index import SearchIndex
from kata.skills.library.search.searching import SkillSearch
from kata.skills.library.search.words import title

_RISES = ("whole contract", "facts", "facts, pairs")
_log = logging.getLogger(__name__)
DISTRACTORS, SEED, FAR = 2000, 0, 10**6


def brief(document: Document) -> Document:
    """What name and summary alone say: not what the skill achieves."""
    return replace(document, effects=np.zeros_like(document.effects))


def ranks(search: SkillSearch, cases: Sequence[object], facts: bool) -> list[int]:
    found = []
    for case in cases:
        hits = search.search(case.text, top=200, facts=case.facts if facts else None)
        keys = [hit.key for hit in hits]
        found.append(keys.index(case.skill) + 1 if case.skill in keys else FAR)
    return found


def told(name: str, found: Sequence[int]) -> str:
    first = sum(rank == 1 for rank in found)
    rate = Interval.of(first, len(found))
    reciprocal = float(np.mean([1 / rank for rank in found]))
    return (
        f"| {name} | {len(found)} | {100 * rate.rate:.0f} % ({100 * rate.low:.0f} to "
        f"{100 * rate.high:.0f}) | {reciprocal:.2f} |"
    )


def gain(better: Sequence[int], worse: Sequence[int]) -> tuple[float, float, float, float]:
    pairs = PairedOutcomes.of([rank == 1 for rank in better], [rank == 1 for rank in worse])
    low, high = pairs.newcombe()
    return 100 * pairs.difference, 100 * low, 100 * high, pairs.mcnemar()


@pytest.mark.slow
def test_full_text_beats_the_summary_and_facts_beat_text_where_they_matter(
    tmp_path, written, queries
) -> None:
    encoder = Encoder(tmp_path / "vectors.sqlite")
    contracts = {c.name: c for c in [*written, *templated(DISTRACTORS, SEED)]}
    assert len(contracts) == DISTRACTORS + 50
    whole = SkillSearch(SearchIndex.of(documents(contracts, encoder)), encoder)
    short = [brief(d) for d in documents(contracts, encoder, lambda contract: [title(contract)])]
    titles = SkillSearch(SearchIndex.of(short), encoder)
    parts: dict[str, Callable[[object], bool]] = {
        "development": lambda case: not case.held_out,
        "held out": lambda case: case.held_out,
    }
    lines, gains = [], {}
    for part, belongs in parts.items():
        some = [case for case in queries if belongs(case)]
        pairs = [place for place, case in enumerate(some) if case.pair]
        name, text = ranks(titles, some, False), ranks(whole, some, False)
        with_facts = ranks(whole, some, True)
        lines += [
            told(f"{part}: name and summary", name),
            told(f"{part}: whole contract", text),
            told(f"{part}: whole contract and facts", with_facts),
            told(f"{part}, pairs: whole contract", [text[i] for i in pairs]),
            told(f"{part}, pairs: whole contract and facts", [with_facts[i] for i in pairs]),
        ]
        gains[part] = (
            gain(text, name),
            gain(with_facts, text),
            gain([with_facts[i] for i in pairs], [text[i] for i in pairs]),
        )
    _log.info("\n%s", "\n".join(lines))
    for part, found in gains.items():
        for what, (rise, low, high, p) in zip(_RISES, found, strict=True):
            _log.info(
                "%s: %s %+.0f points (%+.0f to %+.0f), p %.4f", part, what, rise, low, high, p
            )
    full, facts, matter = gains["held out"]
    assert full[0] >= 15
    assert full[3] < 0.05
    assert facts[3] < 0.05
    assert matter[0] >= 5
