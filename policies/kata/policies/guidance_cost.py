"""Steering by a cost, without training: the clean estimate goes down the cost while it is sampled.

Guidance on the clean estimate as in universal guidance (Bansal et al., arXiv:2302.07121), with the
scale of Vision-Language Steering: it falls with the noise that is left, and once most of the
cost is gone. A step is as long as would take a quadratic cost to zero (Polyak), and is spread over
the actions as in CHOMP (Ratliff et al., ICRA 2009), so that a collision late in the chunk bends
it from its beginning. Legend: `B` batch, `H` actions of a chunk, `A` width of an action.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kata.datasets.types import ChunkRequest, ChunkSpec, SpecError

Cost = Callable[[Tensor], Tensor]
"""Chunks (1, H, A) in SI units to costs (1,), differentiable, 0 where they are content."""


@dataclass(frozen=True, slots=True)
class SteeringOptions:
    """How hard costs steer.

    Attributes:
        scale: of a step; 1 takes a quadratic cost to zero at full noise.
        rounds: gradient steps an estimate.
        sharp, half: strength of a step is `1 / (1 + exp(sharp * (gone - half)))`, where `gone` is
            the share of the chunk's first cost that is gone.
        spread: whether a push on one action moves its neighbours.
        trust: greatest change from one action to the next, in m or rad.
    """

    scale: float = 1.0
    rounds: int = 4
    sharp: float = 25.0
    half: float = 0.95
    trust: float = 0.02
    spread: bool = True


class Steering:
    """Moves the clean estimates of one pass down the costs of its rows.

    Args:
        costs: one a row; None leaves the row as it is, to the bit.
        center, scale: (H, A) of the normaliser.
        frozen: (B, H, 1) bool, actions that are committed and never moved; None: none are.
    """

    def __init__(
        self,
        costs: Sequence[Cost | None],
        center: Tensor,
        scale: Tensor,
        frozen: Tensor | None = None,
        options: SteeringOptions | None = None,
    ) -> None:
        self.costs, self.options = costs, options or SteeringOptions()
        self._center, self._scale, self._frozen = center, scale, frozen
        self._first: dict[int, float] = {}

    def __call__(self, normal: Tensor, noise: float = 1.0) -> Tensor:
        """Normalised chunks (B, H, A) of estimates at a noise level in [0, 1]."""
        out = normal.clone()
        for row, cost in enumerate(self.costs):
            if cost is not None:
                out[row] = self._steered(row, normal[row], cost, noise)
        return out

    def _steered(self, row: int, normal: Tensor, cost: Cost, noise: float) -> Tensor:
        begin = normal * self._scale + self._center
        spread = self._spread(row, begin)
        values = begin
        for _ in range(self.options.rounds):
            price, slope = _slope(cost, values)
            if price <= 0.0:
                break
            gone = 1.0 - price / self._first.setdefault(row, price)
            away = spread @ slope
            steep = float((slope * away).sum())
            if steep <= 1e-12:
                break
            step = self.options.scale * noise * self._strength(gone) * 2.0 * price / steep
            values = begin + self._trusted(values - step * away - begin)
        if values is begin:
            return normal
        return normal + (values - begin) / self._scale

    def _strength(self, gone: float) -> float:
        power = self.options.sharp * (min(max(gone, 0.0), 1.2) - self.options.half)
        return 1.0 / (1.0 + float(torch.exp(torch.tensor(power))))

    def _spread(self, row: int, like: Tensor) -> Tensor:
        """(H, H): how a push on one action moves each; none moves what is frozen, nor before it."""
        steps = torch.arange(1, len(like) + 1, dtype=like.dtype, device=like.device)
        if self._frozen is not None and bool(self._frozen[row].any()):
            last = int(self._frozen[row, :, 0].nonzero().max())
            steps = (steps - (last + 1)).clamp(min=0.0)
        if not self.options.spread:
            return torch.diag((steps > 0.0).to(like.dtype))
        return torch.minimum(steps[:, None], steps[None, :]) / steps.max().clamp(min=1.0)

    def _trusted(self, change: Tensor) -> Tensor:
        """The change (H, A) with no more than `trust` from one action to the next."""
        hops = torch.diff(change, dim=0, prepend=torch.zeros_like(change[:1]))
        return hops.clamp(-self.options.trust, self.options.trust).cumsum(dim=0)


def _slope(cost: Cost, values: Tensor) -> tuple[float, Tensor]:
    """The cost of a chunk (H, A) and its gradient (H, A). Raises SpecError where not finite."""
    with torch.enable_grad():
        free = values.detach().clone().requires_grad_()
        price = cost(free[None]).sum()
        (slope,) = torch.autograd.grad(price, free, allow_unused=True)
    price = price.detach()
    if slope is None:
        slope = torch.zeros_like(values)
    if not bool(torch.isfinite(price)) or not bool(torch.isfinite(slope).all()):
        raise SpecError("a cost or its gradient is not finite", got=f"{float(price):g}")
    return float(price), slope


def check_costs(requests: Sequence[ChunkRequest], spec: ChunkSpec) -> None:
    """Raise SpecError for a cost that is no function, or on chunks of another frame."""
    for request in requests:
        cost = request.cost
        if cost is None:
            continue
        if not callable(cost):
            raise SpecError(
                "not a cost", where="ChunkRequest.cost",
                expected="chunks (1, H, A) to costs (1,), by torch", got=type(cost).__name__,
            )  # fmt: skip
        frame = getattr(cost, "frame", spec.frame)
        if frame != spec.frame:
            raise SpecError(
                "a cost on chunks of another frame", where="ChunkRequest.cost",
                expected=spec.frame, got=str(frame),
            )  # fmt: skip
