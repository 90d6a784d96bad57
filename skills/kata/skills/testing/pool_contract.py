"""What every pool of workers must hold to."""

from __future__ import annotations

import operator
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from kata.datasets.types import ConfigError, ExecutionError
from kata.skills.evidence.pool import Pool
from kata.skills.evidence.workers import RETRIES, Workers

Work = tuple[Callable[..., Any], Sequence[Any]]


def die_at_first(mark: str) -> str:
    """Kill the own process, unless an earlier one has left its mark."""
    if Path(mark).exists():
        return "alive"
    Path(mark).touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return "dead"


def refuse(what: str) -> None:
    """Raise a ConfigError with all of its parts."""
    raise ConfigError(what, where="here", expected="this", got="that", hint="do it")


def raised(results: Iterable[object]) -> Exception | None:
    """What ends these results; None if they end well."""
    try:
        list(results)
    except Exception as error:  # noqa: BLE001  # it is what the tests look at
        return error
    return None


class PoolContract:
    """Answers by name, errors as they were raised, and no more lost than what a death costs."""

    def make(self) -> Pool:
        """A pool of two workers."""
        raise NotImplementedError

    def test_answers_come_by_name_and_the_pool_can_be_used_again(self) -> None:
        """More calls than workers, and a second round."""
        work = {str(i): (operator.mul, (2, i)) for i in range(9)}
        with Workers(2, self.make()) as workers:
            assert dict(workers.run(work)) == {str(i): 2 * i for i in range(9)}
            assert dict(workers.run({"again": (operator.neg, (1,))})) == {"again": -1}

    def test_workers_are_other_processes_in_the_callers_folder(self) -> None:
        """So that a relative path means the same there."""
        with Workers(2, self.make()) as workers:
            found = dict(workers.run({"pid": (os.getpid, ()), "folder": (os.getcwd, ())}))
        assert found["pid"] != os.getpid()
        assert found["folder"] == str(Path.cwd())

    def test_an_error_keeps_its_parts(self) -> None:
        """An error of ours crosses the border whole."""
        with Workers(2, self.make()) as workers:
            error = raised(workers.run({"a": (refuse, ("no",))}))
        assert isinstance(error, ConfigError)
        parts = (error.what, error.where, error.expected, error.got, error.hint)
        assert parts == ("no", "here", "this", "that", "do it")

    def test_an_unforeseen_error_brings_its_trace(self) -> None:
        """The trace of the worker comes as a note."""
        with Workers(2, self.make()) as workers:
            error = raised(workers.run({"a": (operator.truediv, (1, 0))}))
        assert isinstance(error, ZeroDivisionError)
        assert error.__notes__[0].startswith("in a worker:")

    def test_a_death_costs_only_its_call(self, tmp_path: Path) -> None:
        """The call is made again, and no other."""
        work: dict[str, Work] = {str(i): (operator.mul, (2, i)) for i in range(4)}
        work = {"dies": (die_at_first, (str(tmp_path / "mark"),)), **work}
        with Workers(2, self.make()) as workers:
            found = dict(workers.run(work))
        assert found == {"dies": "alive", **{str(i): 2 * i for i in range(4)}}

    def test_work_that_always_kills_is_given_up_after_the_rest(self) -> None:
        """A bound on retries, and nothing lost before."""
        work: dict[str, Work] = {"a": (os._exit, (3,)), "b": (operator.neg, (1,))}
        with Workers(2, self.make()) as workers:
            results = workers.run(work)
            assert next(results) == ("b", -1)
            error = raised(results)
        assert isinstance(error, ExecutionError)
        assert (error.what, error.where) == ("a worker process died", "a")
        assert error.got.startswith(f"{RETRIES + 1} deaths at the same work, the last: ")
