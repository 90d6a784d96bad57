"""Work in other processes: results by name, errors as they were raised, no process left."""

import json
import multiprocessing
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pickle import PicklingError

import psutil
import pytest

from kata.datasets.types import ConfigError, ExecutionError, UnknownNameError
from kata.launch.agents import Agent
from kata.launch.build import contract
from kata.launch.keys import verb_keys
from kata.launch.trials import SkillTrials, skill_block
from kata.sim.tasks import make_trial
from kata.skills.evidence.processes import ProcessPool
from kata.skills.evidence.workers import Workers
from kata.skills.testing import PoolContract


class TestProcessPool(PoolContract):
    def make(self) -> ProcessPool:
        return ProcessPool(2)


@pytest.mark.parametrize("count", [1, 2])
def test_results_come_by_name(count: int) -> None:
    work = {str(i): (operator.mul, (2, i)) for i in range(5)}
    with Workers(count) as workers:
        assert dict(workers.run(work)) == {str(i): 2 * i for i in range(5)}
        assert dict(workers.run({"again": (operator.neg, (1,))})) == {"again": -1}
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_keeps_its_parts(count: int) -> None:
    work = {"a": (verb_keys, ("recrod",)), "b": (operator.mul, (2, 1))}
    with Workers(count) as workers, pytest.raises(UnknownNameError) as caught:
        dict(workers.run(work))
    assert caught.value.hint == "did you mean 'record'?"
    assert not multiprocessing.active_children()


def test_work_that_always_kills_is_given_up_after_the_rest() -> None:
    with Workers(2) as workers:
        results = workers.run({"a": (os._exit, (3,)), "b": (operator.neg, (1,))})
        assert next(results) == ("b", -1)
        with pytest.raises(ExecutionError) as caught:
            next(results)
    assert str(caught.value) == (
        "a worker process died (in a)\n"
        "  got:      3 deaths at the same work, the last: exit code 3\n"
        "  do:       often the memory is full: try workers=1"
    )
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_may_be_an_answer(count: int) -> None:
    work = {"a": (operator.truediv, (1, 0)), "b": (operator.truediv, (1, 2))}
    with Workers(count) as workers:
        found = dict(workers.run(work, instead=lambda name, error: len(f"{name}: {error}")))
    assert found == {"a": len("a: division by zero"), "b": 0.5}


def test_work_that_always_kills_may_be_an_answer() -> None:
    work = {"a": (os._exit, (3,)), "b": (operator.neg, (1,))}
    told: list[str] = []
    with Workers(2) as workers:
        found = dict(workers.run(work, instead=lambda _, error: told.append(str(error))))
    assert found == {"a": None, "b": -1}
    assert told[0].startswith("a worker process died (in a)")


def interrupted(results: Iterator[object]) -> Iterator[None]:
    """Ctrl-C comes while the caller handles a result."""
    for _ in results:
        signal.raise_signal(signal.SIGINT)
        yield


def test_an_interruption_at_the_last_result_counts() -> None:
    with Workers(2) as workers, pytest.raises(KeyboardInterrupt):
        list(interrupted(workers.run({"a": (operator.neg, (1,))})))


def test_an_interruption_of_who_has_enough_counts() -> None:
    before = signal.getsignal(signal.SIGINT)
    work = {str(i): (operator.neg, (i,)) for i in range(9)}
    with Workers(2) as workers:
        results = workers.run(work)
        next(interrupted(results))
        with pytest.raises(KeyboardInterrupt):
            results.close()
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_under_way_goes_before_an_interruption() -> None:
    with Workers(2) as workers:
        results = workers.run({"a": (operator.neg, (1,))})
        next(interrupted(results))
        with pytest.raises(ZeroDivisionError):
            results.throw(ZeroDivisionError())


def test_a_killed_worker_costs_only_its_work() -> None:
    killed: list[int] = []

    def kill_one() -> None:
        if not killed:
            child = multiprocessing.active_children()[0]
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            killed.append(child.pid)

    asked = SkillTrials(partial(make_trial, "press"), Agent(contract("press")), 3, "test")
    work = {str(first): (skill_block, (asked, first, 5)) for first in range(0, 20, 5)}
    here = dict(Workers(1).run(work))
    with Workers(2) as workers:
        there = dict(workers.run(work, kill_one))
    assert killed
    assert json.dumps([there[name] for name in work]) == json.dumps(list(here.values()))


def test_what_cannot_be_sent_back_is_an_error() -> None:
    with Workers(2) as workers, pytest.raises((TypeError, AttributeError, PicklingError)):
        dict(workers.run({"a": (threading.Lock, ())}))


def test_stopping_early_ends_the_workers() -> None:
    with Workers(2) as workers:
        next(workers.run({str(i): (operator.mul, (2, i)) for i in range(50)}))
    assert not multiprocessing.active_children()


def test_workers_are_counted_from_one() -> None:
    with pytest.raises(ConfigError, match="no workers"):
        Workers(0)


def test_a_worker_ends_with_its_parent() -> None:
    code = (
        "import time\n"
        "from kata.skills.evidence.workers import Workers\n"
        "if __name__ == '__main__':\n"
        "    import multiprocessing, sys\n"
        "    workers = Workers(2)\n"
        "    work = {'a': (time.sleep, (0,)), 'b': (time.sleep, (60,))}\n"
        "    results = workers.run(work)\n"
        "    next(results)\n"
        "    pids = [child.pid for child in multiprocessing.active_children()]\n"
        "    print(*pids, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    assert pids
    deadline = time.monotonic() + 20
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(psutil.pid_exists(pid) for pid in pids)
