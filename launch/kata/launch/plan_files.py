"""`kata plan export` and `import`, and the file of `kata run plan=FILE`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from kata.datasets.types import ConfigError, UnknownNameError

from .job import Done, Job
from .planning import Scene, answer_lines
from .workspace import write_text

if TYPE_CHECKING:
    from kata.skills.planning.plan import Plan

_ENDINGS = {"text": "txt"}
PDDL = "pddl"
_READ_BACK = ("xml", "json", PDDL)
_MOST_BYTES = 4_000_000


def exported(job: Job, word: str) -> Done:
    """Plan a sentence and write the plan in `format` to `to`, else into the run's folder.

    As `pddl` the problem is written too: three files in the folder `to`. Raises UnknownNameError
    for another format, StorageError where the disk refuses.
    """
    from kata.skills.planning.export import FORMATS

    name = str(job.config.format)
    if name not in (*FORMATS, PDDL):
        raise UnknownNameError("format", name, (*FORMATS, PDDL), where="format")
    scene = Scene.of(job.config)
    answer = scene.answer(word)
    lines = answer_lines(answer)
    if answer.plan is None:
        return Done(answer.to_json(), lines, "say it in other words; see the message above", 1)
    write = _pddl_files if name == PDDL else _file
    path = write(job, name, answer.plan, scene)
    then = ["kata", "plan", "import", str(path), *job.same_scene()]
    return Done(
        {**answer.to_json(), "format": name, "file": str(path)},
        (*lines, f"{name}: {path}"),
        shlex.join(then) if name in _READ_BACK else "",
    )


def _file(job: Job, name: str, plan: Plan, scene: Scene) -> Path:
    from kata.skills.planning.export import write_plan

    ending = _ENDINGS.get(name, name)
    path = Path(job.config.to).expanduser() if job.config.to else job.folder / f"plan.{ending}"
    write_text(path, write_plan(plan, name, scene.known.contracts))
    return path


def _pddl_files(job: Job, _name: str, plan: Plan, scene: Scene) -> Path:
    """Domain, problem and plan in a folder; the plan's file."""
    from kata.skills.planning.experience import expected_costs
    from kata.skills.planning.pddl import pddl_texts, plan_lines, to_problem

    known = scene.known
    costs = expected_costs(known.contracts, known.success)
    domain, problem = pddl_texts(to_problem(plan.goal, scene.facts, known.contracts, costs))
    folder = Path(job.config.to).expanduser() if job.config.to else job.folder.path
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"domain.pddl": domain, "problem.pddl": problem}
    for name, text in (texts | {"plan.txt": plan_lines(plan, known.contracts)}).items():
        write_text(folder / name, text)
    return folder / "plan.txt"


def imported(job: Job, word: str) -> Done:
    """Read a plan and check it in the scene; the exit code is 1 where it does not hold.

    Raises PlanError for a file that is no plan.
    """
    from kata.skills.planning.check import check_plan
    from kata.skills.planning.export.given import judged, plan_here
    from kata.skills.planning.export.tree import tree_lines

    text = plan_text(word)
    scene = Scene.of(job.config)
    plan = plan_here(text, scene.facts, scene.known.contracts)
    found = check_plan(plan, scene.facts, scene.known.contracts)
    answer = judged(plan, found)
    head = f"plan: {answer.message}" if not found else "no plan: it does not hold here"
    lines = [head, f"goal: {plan.goal}", *(f"  {line}" for line in tree_lines(plan))]
    lines += [f"  wrong: {violation}" for violation in found]
    run = ["kata", "run", f"plan={word}", *job.same_scene()]
    return Done(
        {**answer.to_json(), "wrong": [str(violation) for violation in found]},
        tuple(lines),
        "change the plan, or the scene; see above" if found else shlex.join(run),
        code=1 if found else 0,
    )


def plan_text(name: str) -> str:
    """The text of a file. Raises ConfigError for one that is not there, or is no text."""
    path = Path(name).expanduser()
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError("too long for a plan", where=name, expected=f"{_MOST_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(
            "no such plan",
            where=name,
            expected="a file of kata plan export",
            got=str(error).splitlines()[0][:200],
        ) from None


def given_plan(file: str | None, sentence: str) -> str:
    """The text of the plan that `plan` names, empty without one.

    Raises ConfigError for a sentence beside it.
    """
    if not file:
        return ""
    if sentence:
        raise ConfigError(
            "a sentence and a plan",
            where=f"plan={file}",
            expected="one of them: a plan says already what is to be done",
            got=repr(sentence),
        )
    return plan_text(file)
