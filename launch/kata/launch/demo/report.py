"""The demo's `report.html`: one page that needs nothing else, video included."""

from __future__ import annotations

import base64
import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kata.launch.configuration import Config
from kata.launch.descriptors import predicted_words
from kata.launch.help import version
from kata.launch.job import Job
from kata.launch.learning import TRAINING
from kata.launch.progress import bounds
from kata.launch.trials import Block
from kata.launch.workspace import write_text

from .charts import COLOURS, MODE_COLOURS, Bar, curves, log_bars, rate_bars, timeline
from .lessons import DRAFTS
from .shelf import LIBRARY

REPORT = "report.html"


def write_report(
    job: Job, result: Mapping[str, Any], episodes: Mapping[str, list[Block]], filmed: Block
) -> Path:
    """Write the page; equal results give equal pages but for the seconds of the training."""
    from jinja2 import Environment

    text = Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    template = Environment(autoescape=True, trim_blocks=True).from_string(text)
    config = job.config
    calls = _call_colours(episodes)
    charts = {
        "skills_chart": _skills_chart(result["skills"]),
        "jerk_chart": _jerk_chart(result["chain"]),
        "timelines": [
            {"title": title, "chart": chart} for title, chart in _timelines(episodes, calls)
        ],
        "training": _training(job, result["skills"]),
    }
    page = template.render(
        **charts,
        **_words(config, result),
        modes=[_mode_tile(mode, block) for mode, block in result["chain"].items()],
        calls=[{"text": c, "colour": calls[c]} for c in filmed.get("calls", ())],
        video=_video(job.folder / str(result["video"])),
        filmed=_outcome(filmed),
        skills=[_skill_row(job, name, block) for name, block in result["skills"].items()],
        failures=_failures(episodes),
    )
    write_text(job.folder / REPORT, page)
    return job.folder / REPORT


def _words(config: Config, result: Mapping[str, Any]) -> dict[str, Any]:
    library = f"library=OUT/{LIBRARY}"
    return {
        "sentence": config.sentence,
        "seed": config.seed,
        "version": version(),
        "robot": config.robot,
        "policy": config.policy.name,
        "trials": config.size.chains,
        "small": config.size.chains < 20,
        "again": f"kata demo seed={config.seed}",
        "use": shlex.join(["kata", "run", str(result["sentence"])]) + f" {library}",
    }


def _mode_tile(mode: str, block: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": mode,
        "colour": MODE_COLOURS[mode],
        "rate": f"{100 * block['rate']:.0f} %",
        "interval": bounds(block["interval"]),
        "predicted": predicted_words(block["predicted"]),
        "without": f"{100 * block['rate_without_replan']:.0f} %",
        "successes": block["successes"],
        "trials": block["trials"],
    }


def _skill_row(job: Job, name: str, block: Mapping[str, Any]) -> dict[str, Any]:
    from kata.skills.handover.storage import load_boundary
    from kata.skills.library.library import Library

    folder = Library(job.folder / LIBRARY).show(name).folder
    quality = load_boundary(folder).quality
    return {
        "name": name,
        "demonstrations": block["demonstrations"],
        "rate": f"{100 * block['rate']:.1f} %",
        "interval": bounds(block["interval"]),
        "perturbed": f"{100 * block['rate_perturbed']:.1f} %",
        "after": f"{100 * block['rate_after']:.1f} %",
        "model": f"skill {quality.brier_skill:.2f} from {quality.samples} rollouts",
        "seconds": f"{block['train_seconds']:.0f} s",
    }


def _skills_chart(skills: Mapping[str, Any]) -> str:
    bars = []
    for i, (name, block) in enumerate(skills.items()):
        low, high = block["interval"]
        colour = COLOURS[i % len(COLOURS)]
        bars.append(Bar(name, block["rate"], colour, (low, high)))
        bars.append(Bar("after another", block["rate_after"], "#9fabb8"))
        bars.append(Bar("from anywhere", block["rate_perturbed"], "#c3ccd6"))
    return rate_bars(bars)


def _jerk_chart(chain: Mapping[str, Any]) -> str:
    bars = [(mode, block["peak_jerk"], MODE_COLOURS[mode]) for mode, block in chain.items()]
    return log_bars(bars, "rad/s³")


def _call_colours(episodes: Mapping[str, list[Block]]) -> dict[str, str]:
    calls = [
        span["call"] for runs in episodes.values() for e in runs for span in e.get("spans", ())
    ]
    planned = [call for runs in episodes.values() for e in runs for call in e.get("calls", ())]
    names = list(dict.fromkeys([*planned, *calls]))
    return {call: COLOURS[i % len(COLOURS)] for i, call in enumerate(names)}


def _timelines(
    episodes: Mapping[str, list[Block]], colours: Mapping[str, str]
) -> list[tuple[str, str]]:
    """The first scene, and the first one that only the full handover brought to its goal."""
    count = min(len(runs) for runs in episodes.values())
    chosen = [(0, "The first scene")]
    for index in range(1, count):
        good = {mode: runs[index]["success"] for mode, runs in episodes.items()}
        if good["full"] and not good["naive"]:
            chosen.append((index, "The first scene in which full succeeds and naive fails"))
            break
    return [
        (
            f"{title} (seed {episodes['full'][index]['seed']})",
            timeline([(m, runs[index].get("spans", ())) for m, runs in episodes.items()], colours),
        )
        for index, title in chosen
    ]


def _training(job: Job, skills: Mapping[str, Any]) -> list[str]:
    charts = []
    for name in skills:
        path = job.folder.path / DRAFTS / name / TRAINING / "curves.json"
        data = json.loads(path.read_text(encoding="utf-8"))
        lines = [
            ("training", data["train"], COLOURS[0]),
            ("held out", data["held_out"], COLOURS[1]),
        ]
        charts.append(curves(name, [line for line in lines if line[1]]))
    return charts


def _failures(episodes: Mapping[str, list[Block]]) -> list[dict[str, Any]]:
    rows = []
    for mode, runs in episodes.items():
        reasons = Counter(_reason(e) for e in runs if not e["success"])
        rows += [{"mode": mode, "count": n, "reason": r} for r, n in reasons.most_common(4)]
    return rows


def _reason(episode: Block) -> str:
    spans: Sequence[Mapping[str, Any]] = episode.get("spans", ())
    failed = [span for span in spans if span["outcome"] == "failed"]
    return f"{failed[-1]['call']}: {failed[-1]['reason']}" if failed else str(episode["reason"])


def _outcome(episode: Block) -> str:
    end = "The goal was reached" if episode["success"] else "The goal was missed"
    plans = "without a new plan" if not episode["replans"] else "with a new plan on the way"
    return f"{end} {plans}, in {episode.get('duration_s', 0.0):.1f} s."


def _video(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode() if path.is_file() else ""
