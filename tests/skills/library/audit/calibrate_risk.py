"""Writes `tests/data/risk_rows.json` anew from the rollouts of a `kata demo`: what the terms of the
risk said before each trial, and whether the trial failed.

    .venv/bin/python tests/skills/library/audit/calibrate_risk.py DEMO

What is said of a trial was learned without it: the trials of a skill are parted in two by their
seeds; rate and descriptor of one half speak about the other.
"""

import json
import sys
from pathlib import Path

from kata.skills.evidence.descriptor import fit_descriptor
from kata.skills.evidence.descriptor_storage import sample_of
from kata.skills.evidence.interval import Interval

TARGET = Path(__file__).resolve().parents[3] / "data" / "risk_rows.json"
KINDS = ("nominal", "perturbed")


def trials_of(demo: Path, skill: str) -> list[dict]:
    """Every rollout of a skill, with the kind of its start."""
    return [
        {**episode, "start_kind": kind}
        for kind in KINDS
        for path in sorted(demo.glob(f"parts/rollouts-{skill}-{kind}-*.json"))
        for episode in json.loads(path.read_text())["episodes"]
    ]


def rows_of(demo: Path, skill: str) -> list[list]:
    """Skill, evidence, failure and outcome of each trial, told by the other half."""
    trials, rows = trials_of(demo, skill), []
    for half in (0, 1):
        known = [trial for trial in trials if trial["seed"] % 2 != half]
        asked = [trial for trial in trials if trial["seed"] % 2 == half]
        usual = [trial["success"] for trial in known if trial["start_kind"] == "nominal"]
        least = Interval.of(sum(usual), len(usual)).low
        descriptor = fit_descriptor([sample_of(trial) for trial in known])
        samples = [sample_of(trial) for trial in asked]
        belief = descriptor.believe([s.start for s in samples], [s.values for s in samples])
        low = belief.interval()[0]
        rows += [
            [skill, round(1 - least, 4), round(1 - float(bound), 4), int(not sample.success)]
            for bound, sample in zip(low, samples, strict=True)
        ]
    return rows


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    skills = sorted({path.name.split("-")[1] for path in folder.glob("parts/rollouts-*.json")})
    found = [row for skill in skills for row in rows_of(folder, skill)]
    lines = ",\n".join(json.dumps(row) for row in found)
    TARGET.write_text(f"[\n{lines}\n]\n")
    sys.stdout.write(f"{len(found)} rows of {', '.join(skills)}: {TARGET}\n")
