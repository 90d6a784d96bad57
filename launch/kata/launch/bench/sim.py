"""How fast the simulation is: physics, worlds with observations and facts, many environments."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from kata.datasets.types import FRAME_S, Array, Command, ConfigError

from .measure import Sample
from .registry import BenchContext
from .table import BenchResult, Bound, Growth, Row

LOOP_MUST, FETCH_MUST = 0.8, 1.5
_TASK = "pick"
_NOTES = (
    (
        "CPU time of one process, one thread. The plain loop is `mj_step` with all steps in one "
        "call into C, on the same model, from the same state, with the servos holding."
    ),
    (
        "A world that is looked at gives the observation of all entities and all facts 20 times a "
        "simulated second, while the arm moves; Fetch gives its observation and success 25 times."
    ),
    (
        "gymnasium-robotics 1.4.2 compares joint types in a way that this MuJoCo refuses; the "
        "comparison, not what it computes, is mended for the bench."
    ),
    "Objects at rest sleep in our model, an option of MuJoCo; the plain loop has it too.",
    (
        "A gymnasium step of ours costs more than a world's frame, and more than one of Fetch: it "
        "also makes a trajectory of the action, the facts as text and the arrays of its space."
    ),
)


def run(context: BenchContext) -> BenchResult:
    """Time the world against MuJoCo's loop, and environments against Fetch."""
    runs, frames = (1, 20) if context.quick else (5, 400)
    found = [_physics(i, frames) for i in range(runs)]
    physics, loop, rollout = (Sample.of(values) for values in zip(*found, strict=True))
    looked = Sample.of([_looked_at(frames) for _ in range(runs)])
    fetch = Sample.of([_fetch(frames, bare=True) for _ in range(runs)])
    wrapped = Sample.of([_fetch(frames, bare=False) for _ in range(runs)])
    sizes = (1, 2) if context.quick else (1, 4, 16, 64)
    context.say(f"vectors of {', '.join(map(str, sizes))} environments")
    ours = {n: Sample.of([_vector(n, frames) for _ in range(runs)]) for n in sizes}
    unit, plain = "simulated s / CPU s", "plain loop in C"
    return BenchResult(
        (
            Row(
                "physics through the world", "steps / CPU s", physics, loop, Bound(LOOP_MUST),
                "higher", plain,
            ),
            Row("physics by mujoco.rollout", "steps / CPU s", rollout, loop, None, "higher", plain),
            Row(
                "one world, observations and facts", unit, looked, fetch, Bound(FETCH_MUST),
                "higher", "FetchPickAndPlace-v4, without gymnasium's wrappers",
            ),
            Row(
                "one gymnasium environment", unit, ours[1], wrapped, None, "higher",
                "FetchPickAndPlace-v4",
            ),
            Row(
                f"a vector of {sizes[-1]} environments", unit, ours[sizes[-1]], ours[1], None,
                "higher", "one of them",
            ),
        ),
        (
            Growth(
                "vector of environments", "environments", unit,
                tuple((float(n), sample.median) for n, sample in ours.items()),
            ),
        ),
        _NOTES,
    )  # fmt: skip


def _cpu_s(call: Callable[[], object]) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun


def _physics(seed: int, frames: int) -> tuple[float, float, float]:
    """Steps a CPU second: the world's, the loop's, and those of `mujoco.rollout`."""
    import mujoco
    from mujoco import rollout

    from kata.sim.tasks import make_trial

    world = make_trial(_TASK).world
    periods = 10 * frames
    steps = periods * world.config.substeps
    world.reset(seed)
    hold = Command.hold(world.commanded)
    # All three begin with the objects at rest.
    for _ in range(100):
        world.apply(hold)
    model, data, other = world.model, mujoco.MjData(world.model), mujoco.MjData(world.model)
    mujoco.mj_copyData(data, model, world.data)
    mujoco.mj_copyData(other, model, world.data)
    state = np.zeros(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS))
    mujoco.mj_getState(model, data, state, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    control = np.tile(data.ctrl, (1, steps, 1))

    def ours() -> None:
        for _ in range(periods):
            world.apply(hold)

    return (
        steps / _cpu_s(ours),
        steps / _cpu_s(lambda: mujoco.mj_step(model, data, nstep=steps)),
        steps / _cpu_s(lambda: rollout.rollout(model, other, state[None], control)),
    )


def _looked_at(frames: int) -> float:
    """Simulated seconds a CPU second of a world that is observed while its arm moves."""
    from kata.sim.tasks import make_trial

    world = make_trial(_TASK).world
    world.reset(0)
    home = world.commanded
    periods = round(FRAME_S / world.period_s)
    step = 0.05 / periods
    commands = [Command.hold(home + _sway(len(home), step * k)) for k in range(frames * periods)]

    def go() -> None:
        for k, command in enumerate(commands):
            world.apply(command)
            if k % periods == 0:
                world.observe()
                world.facts()

    return frames * FRAME_S / _cpu_s(go)


def _sway(joints: int, angle: float) -> Array:
    """How far each of the joints (D,) is from home; the gripper, the last, is not moved."""
    phase = np.arange(joints)
    away = 0.2 * (np.sin(angle + phase) - np.sin(phase))
    away[-1] = 0.0
    return np.asarray(away)


def _fetch(frames: int, *, bare: bool) -> float:
    """Simulated seconds a CPU second of FetchPickAndPlace, its arm moving; `bare` of wrappers."""
    import mujoco

    try:
        import gymnasium_robotics
        from gymnasium_robotics.utils import mujoco_utils
    except ImportError:
        raise ConfigError(
            "gymnasium-robotics is missing",
            where="kata bench sim",
            hint='pip install "kata-robotics[bench]"',
        ) from None
    import gymnasium

    kinds = {name: int(kind) for name, kind in mujoco.mjtJoint.__members__.items()}
    mujoco_utils.mujoco = SimpleNamespace(
        **{**vars(mujoco), "mjtJoint": SimpleNamespace(**kinds)},
    )
    gymnasium.register_envs(gymnasium_robotics)
    env: Any = gymnasium.make("FetchPickAndPlace-v4", max_episode_steps=10 * frames)
    env.reset(seed=0)
    inner = env.unwrapped
    actions = 0.2 * np.sin(0.05 * np.arange(frames)[:, None] + np.arange(4))
    stepped = inner if bare else env
    spent = _cpu_s(lambda: [stepped.step(action) for action in actions])
    env.close()
    return float(frames * inner.n_substeps * inner.model.opt.timestep / spent)


def _vector(count: int, frames: int) -> float:
    """Simulated seconds a CPU second of `count` environments stepped together."""
    import gymnasium

    import kata.sim.gym  # noqa: F401  (makes the ids known)

    env = gymnasium.make_vec("kata/Pick-v0", num_envs=count, vectorization_mode="sync")
    env.reset(seed=0)
    inner: Any = env
    homes = np.array([one.unwrapped.trial.world.commanded for one in inner.envs])
    rounds = max(1, 4 * frames // (4 + count))
    sway = np.array([_sway(homes.shape[1], 0.05 * k) for k in range(rounds)])
    actions = (homes + sway[:, None]).astype(np.float32)
    # At first objects settle, which costs more than all that follows.
    for _ in range(min(10, frames)):
        env.step(actions[0])
    spent = _cpu_s(lambda: [env.step(action) for action in actions])
    env.close()
    return count * rounds * FRAME_S / spent
