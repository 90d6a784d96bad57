"""Other values for the numbers of a call: what to try where the default has failed or is poor.

The search chooses among them by predicted time, as it chooses among skills and things.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kata.datasets.types.arguments import number_text
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import NUMBER

from .problem import Values

STEPS = 5
"""Values over a number's range, both ends included."""


def tried_values(contracts: Sequence[Contract], skills: Collection[str]) -> Values:
    """Ways to fill the optional parameters of these skills' contracts, the defaults first.

    One number at a time leaves its default; of P numbers there are 1 + 5 P ways at most. What has
    a parameter without default is left to whoever can give it a value.

    Args:
        contracts: whose parameters they are.
        skills: names of those that other values are wanted for.
    """
    return {contract.key: _ways(contract) for contract in contracts if contract.name in skills}


def _ways(contract: Contract) -> Sequence[tuple[str, ...]]:
    optional = [parameter for parameter in contract.parameters if parameter.optional]
    defaults = tuple(parameter.default for parameter in optional)
    if not all(defaults):
        return ()
    ways = {defaults: None}
    for place, parameter in enumerate(optional):
        if parameter.type != NUMBER:
            continue
        step = (parameter.high - parameter.low) / (STEPS - 1)
        for k in range(STEPS):
            value = number_text(round(min(parameter.low + k * step, parameter.high), 6))
            ways[(*defaults[:place], parameter.canonical(value), *defaults[place + 1 :])] = None
    return tuple(ways)
