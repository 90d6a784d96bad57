"""How many sentences get the right goal or the right refusal, by kind, and how long it takes.

`python tests/skills/planning/measure_sentences.py [FILE ...]` from the repository's root.
"""

import sys
import time
from pathlib import Path

import numpy as np
from sentence_cases import SCENES, read_cases, scores

from kata.skills.contract.files import read_contracts
from kata.skills.planning.language import Grounder, grounder
from kata.skills.planning.service import make_plan

FILES = (
    *("sentences_200", "sentences_dev", "sentences_fresh", "sentences_held_out"),
    "sentences_last",
)
_SKILLS = Path(__file__).resolve().parents[3] / "configs" / "skill"


def main(names: tuple[str, ...]) -> None:
    """Measure each file and write it down."""
    contracts = read_contracts(_SKILLS)
    grounder.shared_encoder().is_word("warm")
    times: dict[str, list[float]] = {"grammar": [], "second reader": []}
    for name in names:
        cases = read_cases(name)
        right, lines = scores(cases, lambda said, facts: make_plan(said, facts, contracts))
        total = sum(count for count, _ in right.values())
        told = ", ".join(f"{kind} {count}/{of}" for kind, (count, of) in right.items())
        say(f"{name}: {total} of {len(cases)} ({total / len(cases):.3f}): {told}")
        for line in lines:
            say(f"  {line[:200]}")
        for case in cases:
            facts = SCENES[case.get("scene", "table")]
            reader = Grounder(facts.table, contracts)
            begun = time.perf_counter()
            reader.ground(case["say"], facts)
            used = reader.read_twice
            times["second reader" if used else "grammar"].append(time.perf_counter() - begun)
    for path, found in times.items():
        p50, p95 = np.percentile(np.array(found) * 1e3, [50, 95])
        say(f"{path}: {len(found)} sentences, median {p50:.1f} ms, 95th percentile {p95:.1f} ms")


def say(text: str) -> None:
    """A line for the person who asked."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or FILES)
