"""Trials: equal whatever the number of workers, honest about what is not known."""

from functools import partial

import numpy as np

from kata.skills.evidence.seeds import trial_seeds
from kata.skills.evidence.trials import evaluate
from kata.skills.evidence.workers import Workers
from kata.skills.testing import FakeWorld, fake_skill


def test_workers_change_nothing_but_the_time():
    serial = evaluate(FakeWorld, partial(fake_skill, "pick"), 12, seed=7)
    seen = []
    with Workers(2) as workers:
        parallel = evaluate(
            FakeWorld,
            partial(fake_skill, "pick"),
            12,
            seed=7,
            workers=workers,
            progress=lambda done, of: seen.append((done, of)),
        )
    assert serial.to_data() == parallel.to_data()
    assert serial.interval.successes == 12
    for one, two in zip(serial.trials, parallel.trials, strict=True):
        assert np.array_equal(one.start.focus, two.start.focus)
    assert seen[-1] == (12, 12)


def test_a_skill_that_fails_says_why():
    evidence = evaluate(FakeWorld, partial(fake_skill, "pick", fault="nan"), 3, seed=0)
    assert evidence.interval.successes == 0
    assert evidence.failures() == {"two chunks refused: not finite": 3}
    assert [sample.success for sample in evidence.samples] == [False] * 3


def test_seeds_are_stable_and_apart():
    few, many = trial_seeds(3, 5), trial_seeds(3, 50)
    assert many[:5] == few
    assert len(set(many) | set(trial_seeds(4, 50)) | set(trial_seeds(3, 50, stream=1))) == 150
