"""From a configuration to the objects that do the work: contracts, library, worlds, experts."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from kata.datasets.types import ConfigError, UnknownNameError

from .configuration import Config
from .keys import config_root, options
from .quality import require_fit
from .trusting import trust_of

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset
    from kata.datasets.types import MakeWorld
    from kata.policies.config import TrainConfig
    from kata.sim.scene.config import TableWorldConfig
    from kata.skills.contract.contract import Contract
    from kata.skills.evidence.workers import Workers
    from kata.skills.library.library import Library
    from kata.skills.library.trust import Trust


@functools.cache
def contracts() -> tuple[Contract, ...]:
    """The contracts of the default skills, by name."""
    from kata.skills.contract.files import read_contracts

    return read_contracts(config_root() / "skill")


def contract(name: str) -> Contract:
    """The contract of a default skill, or of a file `skill.yaml`. Raises UnknownNameError."""
    from kata.skills.contract.files import read_contract

    if name.endswith((".yaml", ".yml")):
        return read_contract(Path(name).expanduser())
    for known in contracts():
        if known.name == name:
            return known
    raise UnknownNameError("skill", name, options("skill"), where="skill")


def library_of(config: Config) -> Library:
    """The library that `library`, `trust` and `allow_unsigned` of a configuration name."""
    return library(config.library, trust_of(config))


def library(folder: str | None, trust: Trust | None = None) -> Library:
    """The library of a folder; without one the user's own, with the scripted experts in it.

    Without a `trust` only what the own key signed is loaded from it.
    """
    from kata.skills.library.library import Library
    from kata.skills.library.seed import seed

    if folder is None:
        seed(Library(), contracts())
        return Library(trust=trust)
    path = Path(folder).expanduser()
    if not (path / "skills").is_dir():
        raise ConfigError(
            "not a library",
            where=f"library={path}",
            expected="a folder that holds skills/NAME-VERSION",
            hint="leave library out for the default one, or name the library of a demo's folder",
        )
    return Library(path, trust=trust)


def dataset(folder: str, robot: str, least_score: float) -> Dataset:
    """The dataset of a folder, to learn from.

    Raises DatasetError if it is not this robot's, or `kata data check` scores it below
    `least_score`.
    """
    from kata.datasets.dataset import Dataset
    from kata.sim.robots import load

    found, spec = Dataset.open(Path(folder).expanduser()), load(robot).spec
    found.check_robot(spec)
    require_fit(found, spec, least_score)
    return found


def train_config(config: Config) -> TrainConfig:
    """What `policy`, `train`, `device` and `seed` of a configuration ask a training to do."""
    from kata.policies.config import TrainConfig

    settings = config.policy.plain()
    return TrainConfig(
        policy=settings.pop("name"),
        settings=settings,
        device=config.device,
        seed=config.seed,
        **config.train.plain(),
    )


def world_config(config: Config, cameras: Sequence[str] = ()) -> TableWorldConfig:
    """The scene that `world` and `robot` of a configuration describe.

    Raises UnknownNameError for another field or robot, ConfigError for an impossible value.
    """
    from kata.sim.robots import describe
    from kata.sim.scene.config import TableWorldConfig

    describe(config.robot)
    data = {**config.world.plain(), "robot": config.robot}
    if cameras:
        data["cameras"] = list(cameras)
    return TableWorldConfig.from_data(data, where="world")


def make_trial(
    config: Config, task: str, start: str = "nominal", cameras: Sequence[str] = ()
) -> MakeWorld:
    """Picklable maker of a world that poses a task; see `kata.sim.tasks`."""
    from kata.sim.tasks import Start
    from kata.sim.tasks import make_trial as make

    if start not in get_args(Start):
        raise UnknownNameError("start", start, get_args(Start))
    made = functools.partial(make, task, cast("Start", start), world_config(config, cameras))
    return cast("MakeWorld", made)


def scene(config: Config, start: str) -> dict[str, Any]:
    """The scene of trials as an attempt records it: what must be equal for them to be compared."""
    return {"robot": config.robot, "start": start, "world": config.world.plain()}


def provenance(config: Config, start: str) -> dict[str, Any]:
    """What evidence says about where it comes from; of the world its fingerprint."""
    from kata.skills.evidence.software import software

    world = world_config(config).fingerprint()
    where = {"robot": config.robot, "start": start, "world": world}
    return {"seed": config.seed, **where, "software": software()}


RUNTIMES = ("local", "ray")


def workers(config: Config, folder: Path | None = None) -> Workers:
    """The workers that `workers`, `runtime` and `address` of a configuration ask for.

    Ray's log files go to `ray/` in the folder. Raises UnknownNameError for another runtime, and
    ConfigError for less than one worker or an address that is no use.
    """
    from kata.skills.evidence.workers import Workers

    if config.runtime not in RUNTIMES:
        raise UnknownNameError("runtime", config.runtime, RUNTIMES, where="runtime")
    if config.runtime == "ray":
        from kata.skills.evidence.ray_pool import RayPool

        pool = RayPool(config.workers, config.address, folder and folder / "ray")
        return Workers(config.workers, pool)
    if config.address:
        raise ConfigError(
            "an address without a cluster", where=f"address={config.address}", hint="runtime=ray"
        )
    return Workers(config.workers)
