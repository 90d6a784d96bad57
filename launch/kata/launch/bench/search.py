"""How soon a library of ten thousand skills answers a sentence."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from .. import build
from .measure import Sample, wall_samples
from .registry import BenchContext
from .search_skills import templated
from .table import BenchResult, Bound, Growth, Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from kata.datasets.types import Facts
    from kata.skills.library.search.encoder import Encoder

MUST_S, RATIO = 0.020, 0.5
_NUMBERS = count()
_DISTINCT = 2000
_SIZES, _QUICK = (100, 1000, 10_000), (10, 14)
_QUERIES = (
    "get the mug out of the cupboard",
    "put the red cube in the drawer",
    "take a picture of the lamp on the shelf",
    "is the bolt on the bench scratched",
    "warm the bread up before it is handed over",
    "open the drawer",
)
_NOTES = (
    (
        "Skills by template beside the default ones; sentences that were not asked before, one "
        "after the other, on the clock. The encoder is loaded and the index is in memory."
    ),
    (
        "The baseline scores every skill in a loop: BM25 over counts of words, and one product of "
        "two vectors a skill, without the facts."
    ),
    (
        "Every text of a new contract is embedded once, in one thread; what was embedded before "
        "comes from the encoder's cache. 10,000 skills are 2,000 different ones five times over."
    ),
)


def run(context: BenchContext) -> BenchResult:
    """Time queries over more and more skills, with and without embedding them."""
    from kata.skills.library.search.document import documents
    from kata.skills.library.search.encoder import Encoder
    from kata.skills.library.search.index import SearchIndex
    from kata.skills.library.search.searching import SkillSearch
    from kata.skills.library.search.storage import load, save

    sizes = _QUICK if context.quick else _SIZES
    runs = 2 if context.quick else 5
    encoder = Encoder(context.folder / "vectors.sqlite")
    facts = _facts()
    own = {contract.name: contract for contract in build.contracts()}
    every = {c.name: c for c in templated(min(sizes[-1], _DISTINCT) - len(own), context.seed)}
    context.say(f"embedding {len(own | every)} skills")
    begun = time.perf_counter()
    distinct = documents(own | every, encoder)
    built = Sample.of([time.perf_counter() - begun])
    copies = range(-(-sizes[-1] // len(distinct)))
    made = [replace(each, key=f"{each.key} {copy}") for copy in copies for each in distinct]
    points = []
    for size in sizes:
        search = SkillSearch(SearchIndex.of(made[:size]), encoder)
        whole = _asked(encoder, partial(search.search, facts=facts), runs, apart=False)
        points.append((float(size), whole.median))
    path = context.folder / "search.safetensors"
    save(path, search.index)
    opened = wall_samples(lambda: load(path), runs=3)
    plain = _Plain(
        [document.texts for document in made[: sizes[-1]]], search.index.centres, encoder
    )
    apart = _asked(encoder, partial(search.search, facts=facts), runs, apart=True)
    looped = _asked(encoder, plain.search, 1, apart=True)
    name = f"{sizes[-1]:,} skills"
    rows = (
        Row(f"a query, {name}", "s", whole, None, Bound(MUST_S, "ours")),
        Row(
            f"a query, {name}, its embedding apart",
            "s",
            apart,
            looped,
            Bound(RATIO),
            against="every skill in a loop",
        ),
        Row(f"the index of {name} from its file", "s", opened),
        Row(f"texts of {len(distinct):,} skills embedded", "s", built),
    )
    return BenchResult(rows, (Growth("a query", "skills", "s", tuple(points)),), _NOTES)


def _asked(encoder: Encoder, ask: Callable[[str], Any], runs: int, *, apart: bool) -> Sample:
    """Seconds a sentence, each one new to the encoder; `apart` embeds them beforehand."""
    values = []
    for _ in range(runs + 1):
        number = next(_NUMBERS)
        texts = [f"{text}, number {number}" for text in _QUERIES]
        if apart:
            encoder.encode(texts, keep=False)
        begun = time.perf_counter()
        for text in texts:
            ask(text)
        values.append((time.perf_counter() - begun) / len(texts))
    return Sample.of(values[1:])


class _Plain:
    """The plain way: a loop over all skills for the words and for the vectors."""

    def __init__(
        self, texts: Sequence[Sequence[str]], centres: NDArray[np.float32], encoder: Encoder
    ) -> None:
        from kata.skills.library.search.words import terms

        self._terms, self._centres, self._encoder = terms, centres, encoder
        self._counts = [Counter(w for text in parts for w in terms(text)) for parts in texts]
        self._lengths = [sum(each.values()) for each in self._counts]
        self._mean = sum(self._lengths) / len(self._lengths)
        self._in = Counter(word for each in self._counts for word in each)

    def search(self, text: str) -> list[int]:
        """The five likeliest rows."""
        words, size = self._terms(text), len(self._counts)
        vector = self._encoder.encode([text], keep=False)[0]
        rarity = {w: math.log1p((size - self._in[w] + 0.5) / (self._in[w] + 0.5)) for w in words}
        scores = []
        for row, found in enumerate(self._counts):
            score = float(self._centres[row] @ vector)
            for word in words:
                often = found[word]
                length = 0.25 + 0.75 * self._lengths[row] / self._mean
                score += 0.1 * rarity[word] * often * 2.2 / (often + 1.2 * length)
            scores.append(score)
        return sorted(range(size), key=lambda row: -scores[row])[:5]


def _facts() -> Facts:
    """The facts of the default table."""
    from kata.skills.contract.testing_scene import facts_for

    return facts_for()
