"""Descriptors: they find what matters, say how sure they are, and make better choices."""

import json
from dataclasses import replace

import numpy as np
import pytest

from kata.datasets.types import Condition, ConfigError, PackageError
from kata.skills.contract.contract import Contract
from kata.skills.evidence.descriptor import MOST_TRIALS, Sample, fit_descriptor
from kata.skills.evidence.descriptor_forecast import Forecast
from kata.skills.evidence.descriptor_kernel import Kernel
from kata.skills.evidence.descriptor_storage import descriptor_data, descriptor_of
from kata.skills.handover.features import Start
from kata.skills.planning.plan import Failure, Plan
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.planning.service import make_plan
from kata.skills.testing import FakeWorld

CUBE = ("red_cube",)


def logistic(x):
    return 1 / (1 + np.exp(-x))


def near(x_m):
    """True rate of a skill that is good where the cube is near."""
    return 0.05 + 0.9 * logistic((0.35 - x_m) / 0.03)


def far(x_m):
    """True rate of its counterpart."""
    return 0.05 + 0.85 * logistic((x_m - 0.35) / 0.03)


def scene(seed):
    """What is seen in a random scene, the start of a call about its cube, and the cube's x."""
    seen = FakeWorld().reset(seed)
    start = Start.of(seen.with_focus(CUBE))
    return seen, start, float(start.focus[0, 0])


def trials(rate, count, seed, time=lambda start: 3.0):
    """Trials of a skill with this true rate over the cube's x."""
    random = np.random.default_rng(seed)
    samples = []
    for i in range(count):
        _, start, x_m = scene(1000 * seed + i)
        samples.append(Sample(CUBE, start, bool(random.random() < rate(x_m)), time(start)))
    return samples


def contract(name, achieves="holding(?object) and not gripper_empty()", requires="gripper_empty()"):
    return Contract.from_data(
        {
            "format": 1,
            "name": name,
            "version": "1.0.0",
            "summary": name,
            "parameters": {"object": "object"},
            "requires": requires,
            "achieves": achieves,
            "duration_s": 8.0,
        }
    )


@pytest.fixture(scope="module")
def two():
    """Descriptors of the two skills, each from 200 trials."""
    return {
        "grasp_near": fit_descriptor(trials(near, 200, 1)),
        "grasp_far": fit_descriptor(trials(far, 200, 2)),
    }


def test_it_finds_the_feature_that_matters(two):
    for descriptor in two.values():
        names = descriptor.matters(descriptor.success)
        assert set(names) & {"slot1_x", "slot1_dx", "slot1_spot_dx"}


def test_the_choice_by_descriptors_beats_the_best_single_skill(two):
    contracts = [contract("grasp_near"), contract("grasp_far")]
    rates = {"grasp_near": near, "grasp_far": far}
    chosen, single = [], {name: [] for name in rates}
    for seed in range(300):
        world = FakeWorld()
        world.reset(seed)
        x_m = scene(seed)[2]
        planner = SymbolicPlanner(predictor=Forecast(two, world.observe))
        answer = make_plan("pick the red cube", world.facts(), contracts, planner=planner)
        (call,) = answer.plan.calls
        chosen.append(rates[call.contract.name](x_m))
        for name, rate in rates.items():
            single[name].append(rate(x_m))
    assert np.mean(chosen) >= max(np.mean(rate) for rate in single.values()) + 0.15


def test_the_quicker_of_two_equally_good_skills_is_planned():
    slow = fit_descriptor(trials(lambda x: 0.9, 60, 3, lambda start: 6.0))
    quick = fit_descriptor(trials(lambda x: 0.9, 60, 3, lambda start: 2.0))
    world = FakeWorld()
    forecast = Forecast({"a_slow": slow, "b_quick": quick}, world.observe)
    contracts = [contract("a_slow"), contract("b_quick")]
    answer = make_plan(
        "pick the red cube",
        world.facts(),
        contracts,
        planner=SymbolicPlanner(predictor=forecast),
    )
    assert answer.calls == ("b_quick(red_cube)",)


def test_a_skill_that_was_never_measured_is_planned_by_its_contract():
    world = FakeWorld()
    planner = SymbolicPlanner(predictor=Forecast({}, world.observe))
    plan = make_plan("pick the red cube", world.facts(), [contract("pick")], planner=planner).plan
    assert isinstance(plan, Plan)
    assert plan.cost == 5.0


@pytest.mark.parametrize(
    ("problems", "least"), [(8, 0.8), pytest.param(100, 0.88, marks=pytest.mark.slow)]
)
def test_intervals_contain_the_true_rate_about_as_often_as_they_say(problems, least):
    """Many problems with one relevant feature or none, asked about at fresh starts."""
    inside = []
    for seed in range(problems):
        slope = [0.0, 5.0, 15.0, 40.0][seed % 4]
        middle = 0.25 + 0.2 * (seed % 5) / 4

        def rate(x_m, slope=slope, middle=middle):
            return 0.05 + 0.9 * logistic(slope * (middle - x_m))

        descriptor = fit_descriptor(trials(rate, 80, 10 + seed))
        fresh = [scene(5_000_000 + 100 * seed + i) for i in range(50)]
        belief = descriptor.believe([start for _, start, _ in fresh], [CUBE] * 50)
        low, high = belief.interval()
        truth = rate(np.array([x for _, _, x in fresh]))
        inside.append(((low <= truth) & (truth <= high)).mean())
    assert np.mean(inside) >= least


def test_where_nothing_matters_it_is_the_rate_of_the_skill():
    kernels = [fit_descriptor(trials(lambda x: 0.7, 80, seed)).success for seed in range(60, 66)]
    assert sum(kernel == Kernel() for kernel in kernels) >= 5


def test_far_from_all_trials_it_says_little(two):
    descriptor = two["grasp_near"]
    _, start, _ = scene(0)
    away = start.focus + np.eye(1, start.focus.shape[1]) * 5.0
    belief = descriptor.believe([start, Start(start.position, start.tool, away)], [CUBE] * 2)
    low, high = belief.interval()
    assert high[1] - low[1] > 0.8
    assert belief.success[1] == pytest.approx(descriptor.rate, abs=0.02)
    assert high[0] - low[0] < 0.5


def test_time_is_predicted_from_what_it_depends_on():
    def time(start):
        return 1.0 + 4.0 * float(np.linalg.norm(start.focus[0, :3] - start.tool[:3]))

    descriptor = fit_descriptor(trials(lambda x: 0.9, 150, 4, time))
    starts = [scene(900_000 + i)[1] for i in range(100)]
    predicted = descriptor.believe(starts, [CUBE] * 100).duration_s
    truth = np.array([time(start) for start in starts])
    assert np.abs(predicted - truth).mean() < 0.35 * np.abs(truth - truth.mean()).mean()


def test_arguments_matter_too():
    random = np.random.default_rng(0)
    samples = [
        Sample((name,), scene(i)[1], bool(random.random() < rate), 3.0)
        for i in range(60)
        for name, rate in (("red_cube", 0.95), ("blue_cube", 0.3))
    ]
    descriptor = fit_descriptor(samples)
    belief = descriptor.believe([scene(0)[1]] * 2, [("red_cube",), ("blue_cube",)])
    assert belief.success[0] > belief.success[1] + 0.4


def test_equal_trials_give_equal_descriptors():
    one, other = (fit_descriptor(trials(near, 60, 5)) for _ in range(2))
    assert json.dumps(descriptor_data(one)) == json.dumps(descriptor_data(other))


def test_a_trial_that_comes_twice_counts_once():
    once = [replace(each, seed=i) for i, each in enumerate(trials(near, 40, 5))]
    learned = fit_descriptor(once)
    read = descriptor_of(json.loads(json.dumps(descriptor_data(learned))), where="a record")
    again = fit_descriptor([*read.samples, *once])
    assert json.dumps(descriptor_data(again)) == json.dumps(descriptor_data(learned))
    others = [replace(each, start_kind="perturbed") for each in once]
    assert len(fit_descriptor([*once, *others]).samples) == 80


def test_the_newest_trials_are_kept():
    one = replace(trials(near, 1, 5)[0], seed=0)
    many = [replace(one, seed=i) for i in range(MOST_TRIALS + 1)]
    seeds = [each.seed for each in fit_descriptor([*many[:-1], one, many[-1]]).samples]
    assert seeds == [*range(2, MOST_TRIALS), 0, MOST_TRIALS]


def test_it_is_read_back_as_it_was_written(two):
    descriptor = two["grasp_far"]
    data = json.loads(json.dumps(descriptor_data(descriptor)))
    assert data["matters"]["success"]
    read = descriptor_of(data, where="a record")
    starts = [scene(i)[1] for i in range(20)]
    before, after = (each.believe(starts, [CUBE] * 20) for each in (descriptor, read))
    assert after.success == pytest.approx(before.success, abs=1e-3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.update(format=2),
        lambda data: data["samples"].clear(),
        lambda data: data["success"].update(features=[999]),
        lambda data: data["success"].update(width=0),
        lambda data: data["samples"][0]["start"].update(tool=[0.0]),
        lambda data: data["samples"][0]["start"].update(position=[float("nan")] * 4),
        lambda data: data.pop("duration"),
        lambda data: data["score"].update(held_out=[0.0]),
        lambda data: data["score"]["members"].clear(),
        lambda data: data["score"]["members"][0].update(leaf=[[0.0] * 4]),
    ],
)
def test_a_spoilt_record_is_refused(spoil):
    data = descriptor_data(fit_descriptor(trials(near, 24, 6)))
    spoil(data)
    with pytest.raises(PackageError, match="a descriptor that cannot be read \\(in a record\\)"):
        descriptor_of(data, where="a record")


def test_no_trials_and_mixed_trials_are_refused():
    with pytest.raises(ConfigError, match="no trials to learn a descriptor from"):
        fit_descriptor([])
    one = trials(near, 1, 7)[0]
    other = Sample(("red_cube", "drawer"), one.start, True, 3.0)
    with pytest.raises(ConfigError, match="trials that do not belong together"):
        fit_descriptor([one, other])
    with pytest.raises(ConfigError, match="a start that this skill's trials do not have"):
        fit_descriptor([one]).believe([one.start], [("red_cube", "drawer")])


def gripping(version="1.0.0"):
    """A skill with a number: how wide the gripper opens."""
    data = contract("grasp").to_data() | {
        "version": version,
        "parameters": {
            "object": "object",
            "width_m": {"type": "number", "unit": "m", "range": [0.02, 0.10], "default": 0.02},
        },
    }
    return Contract.from_data(data)


def gripping_trials(rate, count=200, seed=1):
    random = np.random.default_rng(seed)
    samples = []
    for i in range(count):
        _, start, _ = scene(1000 * seed + i)
        width = round(float(random.uniform(0.02, 0.10)), 3)
        samples.append(
            Sample(("red_cube", str(width)), start, bool(random.random() < rate(width)), 3.0)
        )
    return samples


def test_a_number_is_one_feature_and_the_best_value_is_planned():
    learned = fit_descriptor(gripping_trials(lambda w: 0.1 + 0.85 * logistic((w - 0.06) / 0.01)))
    assert "argument2" in learned.matters(learned.success)
    again = descriptor_of(descriptor_data(learned), where="here")
    assert again.feature_names == learned.feature_names
    world = FakeWorld()
    planner = SymbolicPlanner(predictor=Forecast({"grasp": learned}, world.observe))
    answer = make_plan("pick the red cube", world.facts(), [gripping()], planner=planner)
    assert answer.plan.calls[0].numbers["width_m"] >= 0.08
    plain = make_plan("pick the red cube", world.facts(), [gripping()])
    assert plain.plan.calls[0].numbers["width_m"] == 0.02  # what the contract says by default


def test_another_number_is_tried_where_one_failed():
    world = FakeWorld()
    facts, planner, used = world.facts(), SymbolicPlanner(), []
    failures = []
    for _ in range(12):
        answer = make_plan(
            "pick the red cube", facts, [gripping()], planner=planner, failures=failures
        )
        if answer.plan is None:
            break
        call = answer.plan.calls[0]
        used.append(call.numbers["width_m"])
        failures.append(Failure(call, f"slipped at {used[-1]:g}", facts))
    assert sorted(used) == sorted(2 * [0.02, 0.04, 0.06, 0.08, 0.1])
    assert used[:2] == [0.02, 0.04]
    assert "slipped at 0.1" in answer.message


def test_after_a_failure_the_version_that_is_predicted_to_succeed_is_called():
    old, new = contract("grasp_near"), Contract.from_data(
        contract("grasp_near").to_data() | {"version": "2.0.0"}
    )  # fmt: skip
    learned = {
        new.key: fit_descriptor(trials(near, 200, 1)),
        old.key: fit_descriptor(trials(far, 200, 2)),
    }
    chosen = {"1.0.0": [], "2.0.0": []}
    for seed in range(60):
        world = FakeWorld()
        world.reset(seed)
        facts, goal = world.facts(), Condition.parse("holding(red_cube)")
        planner = SymbolicPlanner(predictor=Forecast(learned, world.observe), spares=(old,))
        first = planner.plan(goal, facts, [new]).calls[0]
        assert first.contract.version == "2.0.0"  # a spare is for where the one in use fails
        again = planner.plan(goal, facts, [new], [Failure(first, "slipped", facts)])
        chosen[again.calls[0].contract.version].append(scene(seed)[2])
    assert np.mean(chosen["2.0.0"]) < 0.35 < np.mean(chosen["1.0.0"])


def test_another_version_takes_over_where_one_cannot_run():
    old, new = gripping("1.0.0"), gripping("1.1.0")
    facts, goal = FakeWorld().facts(), Condition.parse("holding(red_cube)")
    planner = SymbolicPlanner({old.key: 0.45, new.key: 0.9}, spares=(old,))
    first = planner.plan(goal, facts, [new]).calls[0]
    assert first.contract.version == "1.1.0"
    once = planner.plan(goal, facts, [new], [Failure(first, "slipped", facts)])
    assert once.calls[0].contract.version == "1.1.0"  # with another number
    assert once.calls[0].numbers != first.numbers
    nothing = Failure(first, "there is no skill 'grasp@1.1.0'", facts, lasting=True)
    assert planner.plan(goal, facts, [new], [nothing]).calls[0].contract.version == "1.0.0"
