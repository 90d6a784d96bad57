"""`kata robot`: the robots there are, one of them in numbers and as a picture, and new ones."""

from __future__ import annotations

from kata.launch.actions import dispatch
from kata.launch.job import Done, Job
from kata.launch.robots import describe_robot, draw_robot


def run(job: Job) -> Done:
    """List, show or add robots."""
    return dispatch(job, ACTIONS)


def _list(_job: Job, _word: str) -> Done:
    from kata.sim.robots import names

    return Done({"robots": list(names())}, names(), "kata robot show NAME")


def _show(job: Job, word: str) -> Done:
    from kata.sim.robots import load

    model = load(word)
    result = describe_robot(model)
    lines = [f"{word}: {result['summary']}", f"tasks: {result['tasks']}"]
    lines += [
        f"  {j['part']:<14}{j['joint']:<28}{j['lower']:8.3f} to {j['upper']:7.3f}"
        for j in result["joints"]
    ]
    lines += [f"  guessed: {text}" for text in result["guessed"]]
    lines.append(draw_robot(model, job.folder / "robot.png"))
    then = "kata robot list" if model.missing else f'kata run "pick up the red cube" robot={word}'
    return Done(result, tuple(lines), then)


def _add(job: Job, word: str) -> Done:
    from kata.sim.robots.adding import add

    path, description = add(word, job.config.name or "")
    lines = [f"{description.name}: {path}", *(f"  guessed: {t}" for t in description.guessed)]
    result = {"robot": description.name, "guessed": list(description.guessed)}
    then = f"kata robot show {description.name}; correct what was guessed in {path}"
    return Done(result, tuple(lines), then)


ACTIONS = {"list": _list, "show": _show, "add": _add}
