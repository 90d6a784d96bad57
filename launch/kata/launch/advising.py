"""`kata plan learn`: an advisor from what was said in runs; and who speaks in a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError, DatasetError

from .correcting import LOG, Script, Terminal, voice_of
from .job import Done, Job

if TYPE_CHECKING:
    from kata.datasets.types import Facts, Observation
    from kata.skills.contract.call import Call
    from kata.skills.execution.advisor import Learned
    from kata.skills.execution.correcting import Corrector
    from kata.skills.execution.moments import Moment

    from .configuration import Config

_MOST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Voices:
    """Who corrects a run: a person or script, and an advisor; a person's word comes first."""

    person: Script | Terminal | None
    advisor: Learned | None

    def begin(self) -> Corrector:
        """For one run."""
        from kata.skills.execution.advisor import Advisor

        spoken = [] if self.person is None else [self.person.begin()]
        return Together([*spoken, *([] if self.advisor is None else [Advisor(self.advisor)])])


@dataclass(frozen=True, slots=True)
class Together:
    """Several who may speak in one run.

    Attributes:
        voices: the first one comes first.
    """

    voices: Sequence[Corrector]

    def says(self, observation: Observation, facts: Facts, call: Call | None) -> Sequence[str]:
        """What the first one says who says something."""
        said = [voice.says(observation, facts, call) for voice in self.voices]
        return next((texts for texts in said if texts), ())


def voices_of(config: Config) -> Voices | None:
    """Who corrects, as `correct` and `advisor` say; None for nobody.

    Raises ConfigError or PackageError.
    """
    from kata.skills.execution.advisor_storage import load_advisor

    person = voice_of(config)
    advisor = load_advisor(Path(str(config.advisor)).expanduser()) if config.advisor else None
    return None if person is None and advisor is None else Voices(person, advisor)


def learned(job: Job, _: str) -> Done:
    """Train an advisor on the runs of these folders; the last one is the newest."""
    from kata.skills.execution.advisor import learn
    from kata.skills.execution.advisor_storage import save_advisor

    config = job.config
    if not config.data:
        raise ConfigError(
            "what is to be learned from?",
            where="data",
            expected="folders of kata run with corrections.jsonl in them",
            hint="kata plan learn data=runs/run/A,runs/run/B",
        )
    given = config.data if isinstance(config.data, list) else str(config.data).split(",")
    folders = [Path(str(name).strip()).expanduser() for name in given]
    read = [_runs(folder) for folder in folders]
    runs = [run for found in read for run in found]
    newest = [found is read[-1] for found in read for _ in found]
    advisor, report = learn(runs, newest, config.seed)
    save_advisor(job.folder.path, advisor, report)
    commands = [text for _, text in advisor.vocabulary.commands]
    result: dict[str, Any] = {
        "runs": len(runs),
        "moments": report.moments,
        "corrections": report.corrections,
        "commands": commands,
        "held_out_hits": round(report.hits, 4),
        "held_out_false_alarms": round(report.false_alarms, 4),
        "threshold": round(advisor.threshold, 4),
    }
    told = f"held-out runs: {100 * report.hits:.0f} % of the corrections given, "
    told += f"{100 * report.false_alarms:.1f} % of the silent moments spoken in"
    lines = (
        f"learned from {report.corrections} corrections in {len(runs)} runs: {'; '.join(commands)}",
        told,
    )
    return Done(result, lines, f"kata run TEXT advisor={job.folder.path}")


def _runs(folder: Path) -> list[list[Moment]]:
    """What was heard in each episode of a folder. Raises DatasetError."""
    from kata.skills.execution.moments import Moment

    path = folder / LOG
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DatasetError("too long", where=str(path), expected=f"{_MOST_BYTES} bytes at most")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            "nothing that was said in a run",
            where=str(path),
            got=str(error),
            hint="kata run TEXT correct=- or correct=FILE keeps what is said",
        ) from None
    runs: list[list[Moment]] = []
    last: tuple[Any, float] = ("", 0.0)
    for number, line in enumerate(lines, 1):
        try:
            data = json.loads(line)
            moment = Moment.of_data(data)
        except (ValueError, RecursionError, TypeError, DatasetError) as error:
            what = str(error).splitlines()[0]
            raise DatasetError("not what was said", where=f"{path}:{number}", got=what) from None
        # An episode's moments stand together, in the order of time.
        if data.get("seed") != last[0] or moment.time_s < last[1]:
            runs.append([])
        runs[-1].append(moment)
        last = data.get("seed"), moment.time_s
    return runs
