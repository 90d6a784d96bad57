"""Work in other processes: results by name, errors as they were raised, no process left."""

import multiprocessing
import operator
import os
import subprocess
import sys
import time

import psutil
import pytest

from kata.datasets.types import ConfigError, ExecutionError, UnknownNameError
from kata.launch.keys import verb_keys
from kata.skills.evidence.workers import Workers


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


def test_a_dead_worker_is_reported() -> None:
    with Workers(2) as workers, pytest.raises(ExecutionError, match="worker process died"):
        dict(workers.run({"a": (os._exit, (3,)), "b": (os._exit, (3,))}))
    assert not multiprocessing.active_children()


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
