"""`kata robot`: the robots there are, one of them in numbers and as a picture, and new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError, SimulationError
from kata.launch.actions import dispatch
from kata.launch.job import Done, Job

if TYPE_CHECKING:
    from kata.sim.robots import RobotModel


def run(job: Job) -> Done:
    """List, show or add robots."""
    actions = {"list": _list, "show": _show, "add": _add}
    return dispatch(job, actions, needs={"show": "NAME", "add": "FILE"})


def _list(_job: Job, word: str) -> Done:
    from kata.sim.robots import names

    if word:
        raise ConfigError("too many words", where="kata robot list", got=word)
    return Done({"robots": list(names())}, names(), "kata robot show NAME")


def _show(job: Job, word: str) -> Done:
    from kata.sim.robots import load

    model = load(word)
    spec, limits = model.spec, model.spec.limits
    joints = [
        {"part": part.name, "joint": name, "lower": float(limits.lower[i]),
         "upper": float(limits.upper[i]), "velocity": float(limits.velocity[i]),
         "home": float(spec.home[i])}
        for part in spec.parts
        for i, name in enumerate(part.joints, part.start)
    ]  # fmt: skip
    hands = [{"hand": h.name, "arm": h.arm, "gripper": h.gripper} for h in spec.hands]
    result: dict[str, Any] = {
        "robot": spec.name,
        "summary": model.description.summary,
        "fingerprint": spec.fingerprint(),
        "joints": joints,
        "hands": hands,
        "tasks": model.missing or "the table's tasks run on it",
        "guessed": list(model.description.guessed),
    }
    lines = [f"{spec.name}: {model.description.summary}".rstrip(": "), f"tasks: {result['tasks']}"]
    lines += [
        f"  {j['part']:<10}{j['joint']:<28}{j['lower']:8.3f} to {j['upper']:7.3f}" for j in joints
    ]
    lines += [f"  guessed: {text}" for text in model.description.guessed]
    lines.append(_picture(job, model, result))
    return Done(result, tuple(lines), f'kata run "pick up the red cube" robot={word}')


def _picture(job: Job, model: RobotModel, result: dict[str, Any]) -> str:
    """Write `robot.png`; without OpenGL the numbers are still worth showing."""
    import cv2

    from kata.sim.pictures import robot_picture

    try:
        image = robot_picture(model)
    except SimulationError as error:
        return f"no picture: {error.what}; kata doctor says how to mend it"
    path = job.folder / "robot.png"
    cv2.imwrite(str(path), image[..., ::-1])
    result["picture"] = path.name
    return f"picture: {path}"


def _add(_job: Job, word: str) -> Done:
    from kata.sim.robots.adding import add

    path, description = add(word)
    lines = [f"{description.name}: {path}", *(f"  guessed: {t}" for t in description.guessed)]
    result = {"robot": description.name, "guessed": list(description.guessed)}
    then = f"kata robot show {description.name}; correct what was guessed in {path}"
    return Done(result, tuple(lines), then)
