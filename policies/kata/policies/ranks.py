"""A training on several processes of this machine: started, watched, and gone when one of them is.

The checkpoint is all that passes between them and the caller, who sees the training as if it ran
in his own process. They meet in a file and talk on loopback.
"""

from __future__ import annotations

import copy
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.children import deaf, end_with_parent, how_it_ended
from kata.datasets.types import ConfigError, ExecutionError, KataError

from .compute import Compute
from .config import TrainConfig
from .demonstrations import Demonstrations
from .device import find_device
from .training import OnCheckpoint, Progress, Run, TrainResult, train

if TYPE_CHECKING:
    from .policy import ChunkPolicy

_STOP, _GO_ON = "stop", "go on"
"""What the caller tells the main process: to end, and that it has read the checkpoint."""

_POLL_S = 0.2
_GRACE_S = 2.0
"""What one process breaks, others notice: who died first is known after a while."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one process stands: which of how many, and the file in which they meet."""

    rank: int
    ranks: int
    meeting: str
    backend: str


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What the caller wants to be asked, or told, by the main process."""

    progress: bool
    checkpoints: bool
    stop: bool


def train_on_ranks(
    config: TrainConfig,
    data: Demonstrations,
    folder: Path,
    on_checkpoint: OnCheckpoint | None,
    progress: Progress | None,
    stop: Callable[[], bool] | None,
) -> TrainResult:
    """Train as `train` does, each batch shared by `config.processes`.

    Raises what `train` raises; ExecutionError for a process that dies, with the last checkpoint
    kept, and ConfigError for fewer GPUs than processes.
    """

    def look() -> Run:
        return Run(config, data, folder, Compute(config, alone=True))

    backend = _backend(config)
    before = look()
    if before.step >= config.steps:
        return before.finish()
    wishes = _Wishes(progress is not None, on_checkpoint is not None, stop is not None)
    meeting = Path(tempfile.mkdtemp(prefix="kata-train-"))
    group = _Group()
    try:
        for rank in range(config.processes):
            place = _Place(rank, config.processes, str(meeting / "store"), backend)
            group.start(place, config, data, folder, wishes)
        for kind, message in group.messages(stop):
            if kind == "progress" and progress:
                progress(*message)
            elif kind == "checkpoint" and on_checkpoint:
                on_checkpoint(message, _averaged(look()))
                group.lines[0].send(_GO_ON)
    finally:
        group.end()
        shutil.rmtree(meeting, ignore_errors=True)
    after = look()
    after.resumed_from = before.step
    return after.finish()


def _averaged(run: Run) -> ChunkPolicy:
    return copy.deepcopy(run.averaged)


def _backend(config: TrainConfig) -> str:
    if find_device(config.device) == "cpu":
        return "gloo"
    import torch

    there = torch.cuda.device_count()
    if there < config.processes:
        raise ConfigError(
            "fewer GPUs than processes",
            where="processes",
            expected=f"at most {there}",
            got=str(config.processes),
        )
    return "nccl"


class _Group:
    """The processes of one training, by rank, and the line to each."""

    def __init__(self) -> None:
        self.processes: list[SpawnProcess] = []
        self.lines: list[Connection] = []

    def start(self, place: _Place, *arguments: Any) -> None:
        """Start one process more."""
        context = multiprocessing.get_context("spawn")
        line, other = context.Pipe()
        process = context.Process(target=_work, args=(place, other, *arguments))
        with deaf():
            process.start()
        other.close()
        self.processes.append(process)
        self.lines.append(line)

    def messages(self, stop: Callable[[], bool] | None) -> Any:
        """What the main process tells, until all have ended well. Raises for one that did not."""
        told = False
        alive = set(range(len(self.processes)))
        while alive:
            sentinels = [self.processes[rank].sentinel for rank in alive]
            wait([self.lines[0], *sentinels] if 0 in alive else sentinels, _POLL_S)
            if stop and not told and stop():
                told = True
                self._tell(_STOP)
            yield from self._heard()
            ended = {rank for rank in alive if self.processes[rank].exitcode is not None}
            if any(self.processes[rank].exitcode for rank in ended):
                raise self._reason()
            alive -= ended

    def _tell(self, text: str) -> None:
        try:
            self.lines[0].send(text)
        except ConnectionError:
            return

    def _heard(self) -> Any:
        try:
            while self.lines[0].poll():
                kind, message = self.lines[0].recv()
                if kind == "error":
                    raise message
                yield kind, message
        except (EOFError, ConnectionError):
            return

    def _reason(self) -> KataError:
        """Why the group ended: what one of them said, or else the first violent death."""
        wait([process.sentinel for process in self.processes], _GRACE_S)
        for line in self.lines:
            error = _said(line)
            if error is not None:
                return error
        codes = {rank: p.exitcode for rank, p in enumerate(self.processes) if p.exitcode}
        rank = min(codes, key=lambda rank: (codes[rank] or 0, rank))
        return ExecutionError(
            "a process of the training died",
            where=f"process {rank + 1} of {len(self.processes)}",
            got=how_it_ended(codes[rank]),
            hint="the last checkpoint is kept, so the same command goes on from it; often the "
            "memory is full: try accumulate=2, or fewer processes",
        )

    def end(self) -> None:
        """End what still runs."""
        for process in self.processes:
            process.terminate()
        for process, line in zip(self.processes, self.lines, strict=True):
            process.join()
            line.close()


def _said(line: Connection) -> KataError | None:
    try:
        while line.poll():
            kind, message = line.recv()
            if kind == "error" and isinstance(message, KataError):
                return message
    except (EOFError, ConnectionError):
        pass
    return None


def _work(
    place: _Place,
    line: Connection,
    config: TrainConfig,
    data: Demonstrations,
    folder: Path,
    wishes: _Wishes,
) -> None:
    """One process of a training, from its start to its end."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent()
    _join(place)
    import torch

    try:
        if place.rank == 0:
            _main(line, config, data, folder, wishes)
        else:
            train(config, data, folder, stop=(lambda: False) if wishes.stop else None)
    except KataError as error:
        line.send(("error", error))
        sys.exit(1)
    torch.distributed.destroy_process_group()


def _join(place: _Place) -> None:
    """Meet the others. What accelerate reads is set as a launcher would."""
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    os.environ.update(
        RANK=str(place.rank),
        LOCAL_RANK=str(place.rank),
        WORLD_SIZE=str(place.ranks),
        LOCAL_WORLD_SIZE=str(place.ranks),
        GLOO_SOCKET_IFNAME=loopback,
        NCCL_SOCKET_IFNAME=loopback,
    )
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import torch

    if place.backend == "nccl":
        torch.cuda.set_device(place.rank)
    torch.distributed.init_process_group(
        place.backend,
        init_method=f"file://{place.meeting}",
        rank=place.rank,
        world_size=place.ranks,
    )


def _main(
    line: Connection, config: TrainConfig, data: Demonstrations, folder: Path, wishes: _Wishes
) -> None:
    """The training of the process that writes; the caller hears of it, and may stop it."""
    told: set[str] = set()

    def tell_progress(*reached: Any) -> None:
        line.send(("progress", reached))

    def tell_checkpoint(step: int, _policy: ChunkPolicy) -> None:
        line.send(("checkpoint", step))
        while (message := line.recv()) != _GO_ON:
            told.add(message)

    def stopped() -> bool:
        while line.poll():
            told.add(line.recv())
        return _STOP in told

    train(
        config,
        data,
        folder,
        on_checkpoint=tell_checkpoint if wishes.checkpoints else None,
        progress=tell_progress if wishes.progress else None,
        stop=stopped if wishes.stop else None,
    )
