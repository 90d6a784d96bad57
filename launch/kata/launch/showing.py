"""What `kata run replay=FILE` does: a failed trial once more, as it was recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kata.datasets.types import Condition, ConfigError, TrialWorld

from .job import Done, Job
from .replays import world_of

if TYPE_CHECKING:
    from kata.sim.tasks import TrialTable
    from kata.skills.evidence.replay import Replay
    from kata.skills.evidence.replaying import Played
    from kata.skills.execution.runner import OnFrame

VIDEO = "replay.mp4"


def show(job: Job) -> Done:
    """Play the file that `replay` names: a timeline, whether it came to the same end, a film.

    Raises ConfigError for a file that is no replay, and for a sentence beside it.
    """
    from kata.skills.evidence.replay_file import read_replay

    config = job.config
    if config.text:
        raise ConfigError(
            "a sentence and a replay",
            where=f"replay={config.replay}",
            expected="one of them: a replay does again what was done",
            got=repr(config.text),
        )
    path = Path(config.replay).expanduser()
    replay = read_replay(path)
    world = world_of(replay, str(path))
    film = job.folder / VIDEO if _wants_film(config.video) else None
    try:
        played = _played(world, replay, film)
    finally:
        world.world.close()
    told = timeline(replay, played)
    lines = [
        f"{replay.call}, seed {replay.seed}, {replay.skill}@{replay.version}: {replay.kind}",
        *(f"  {line}" for line in told),
        verdict(replay, played),
    ]
    result = {**_told(replay, played), "replay": str(path), "timeline": told}
    if film is not None:
        result["video"] = VIDEO
        lines.append(f"video: {film}")
    return Done(result, tuple(lines), _then(replay), 0 if played.same else 1)


def _then(replay: Replay) -> str:
    """More trials of that skill, in case the failure was an accident."""
    return f"kata evaluate skill={replay.skill}"


def _told(replay: Replay, played: Played) -> dict[str, Any]:
    return {
        "skill": f"{replay.skill}@{replay.version}",
        "identity": replay.identity,
        "call": replay.call,
        "kind": replay.kind,
        "reason": replay.reason,
        "same": played.same,
        "digest": played.digest,
        "other_software": {name: list(pair) for name, pair in replay.other_software().items()},
    }


def _wants_film(video: Any) -> bool:
    from . import graphics

    if video == "auto":
        return bool(graphics.choose())
    if isinstance(video, bool):
        return video
    raise ConfigError("not a choice", where="video", expected="true, false, auto", got=str(video))


def _played(world: TrialTable, replay: Replay, film: Path | None) -> Played:
    from kata.skills.evidence.replaying import play

    from .filming import filmed

    one, goal = cast("TrialWorld", world), Condition.parse(replay.goal)
    if film is None:
        return play(one, replay)

    def go(on_frame: OnFrame) -> Played:
        return play(one, replay, on_frame)

    title = f"replay: {replay.call}, seed {replay.seed}, {replay.kind}"
    return filmed(world.world, title, lambda _: goal, film, go)


def timeline(replay: Replay, played: Played) -> list[str]:
    """What was decided and what changed, in the order of time, one line each."""
    found = [(e["time_s"], 0, f"{e['kind']:<10}{e['reason']}") for e in replay.events]
    words = {True: "true", False: "false", None: "unknown"}
    found += [(f.time_s, 1, f"fact      {f.atom} {words[f.value]}") for f in played.flips]
    found.sort(key=lambda row: row[:2])
    return [f"{time_s:6.2f} s  {text}" for time_s, _, text in found]


def verdict(replay: Replay, played: Played) -> str:
    """Whether it came to the recorded end, and why not if that can be known."""
    if played.same:
        return "same end as recorded, to the bit"
    others = replay.other_software()
    if not others:
        return "ANOTHER END than recorded, with the same software: the file was altered, or a bug"
    told = [f"{name} {then or 'none'} -> {now or 'none'}" for name, (then, now) in others.items()]
    return f"another end than recorded; the software differs: {', '.join(told)}"
