"""Work in other processes: results by name, errors as they were raised, no process left."""

import multiprocessing
import operator
import os

import pytest

from kata.datasets.types import ExecutionError, UnknownNameError
from kata.launch.keys import verb_keys
from kata.launch.pool import run_all


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_by_name(workers: int) -> None:
    work = {str(i): (operator.mul, (2, i)) for i in range(5)}
    assert dict(run_all(work, workers)) == {str(i): 2 * i for i in range(5)}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_keeps_its_parts(workers: int) -> None:
    with pytest.raises(UnknownNameError) as caught:
        dict(run_all({"a": (verb_keys, ("recrod",)), "b": (operator.mul, (2, 1))}, workers))
    assert caught.value.hint == "did you mean 'record'?"
    assert not multiprocessing.active_children()


def test_a_dead_worker_is_reported() -> None:
    with pytest.raises(ExecutionError, match="worker process died"):
        dict(run_all({"a": (os._exit, (3,)), "b": (os._exit, (3,))}, 2))
    assert not multiprocessing.active_children()


def test_stopping_early_ends_the_workers() -> None:
    results = run_all({str(i): (operator.mul, (2, i)) for i in range(50)}, 2)
    next(results)
    results.close()
    assert not multiprocessing.active_children()
