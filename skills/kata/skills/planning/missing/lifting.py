"""From the facts that nothing reaches to a skill over typed parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kata.datasets.types import DEFAULT_HAND, HAND_PREDICATES, Atom, AtomTable, Condition
from kata.skills.contract.contract import Contract
from kata.skills.contract.parameter import Parameter

from ..heuristic import RelaxedPlan
from ..problem import Action, Problem, bits_of

Literals = Mapping[Atom, bool]

_USUAL: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "on": (("object",), ("surface", "support")),
    "in": (("object",), ("container",)),
    "holding": (("object",),),
    "open": (("openable", "container"),),
    "closed": (("openable", "container"),),
    "pressed": (("button",),),
    "clear": (("object",),),
    "near": (("object",), ("object",)),
    "reachable": (("object",),),
    "upright": (("object",),),
}
"""By predicate the types of its arguments, the hand apart, as the default skills have them."""

_DERIVED = frozenset({"clear", "near", "reachable", "gripper_empty"})


def unreached(problem: Problem, actions: Sequence[Action], goal: Condition, start: int) -> Literals:
    """The facts that no skill brings about, and without which the goal cannot be reached.

    Where a skill would reach the goal but for something that nothing makes possible, that something
    is what is missing: with nothing to open the drawer, not `in(red_cube, drawer)` but
    `open(drawer)`.
    """
    need = problem.need(goal)
    reached = RelaxedPlan(actions, need).reachable(start)
    leaves = _leaves(actions, need.chosen(-1, reached) & ~reached, reached, frozenset())
    leaves &= ~problem.impossible
    return dict(problem.literal(bit) for bit in bits_of(leaves))


def _leaves(actions: Sequence[Action], wanted: int, reached: int, above: frozenset[int]) -> int:
    """Of the bits that are wanted and not reached, what lies at the root of each."""
    found = 0
    for bit in bits_of(wanted):
        mask = 1 << bit
        if bit in above:
            continue
        ways = []
        for action in actions:
            if action.add & mask:
                lacking = action.need.chosen(-1, reached) & ~reached
                if not lacking & sum(1 << other for other in above):
                    ways.append(_leaves(actions, lacking, reached, above | {bit}))
        ways = [way for way in ways if way]
        found |= min(ways, key=lambda way: (way.bit_count(), way)) if ways else mask
    return found


def lifted(literals: Literals, table: AtomTable) -> tuple[tuple[Parameter, ...], dict[str, str]]:
    """Parameters for the things in these facts, and by thing the variable that stands for it."""
    wanted: dict[str, list[str]] = {}
    for atom in literals:
        names = things(atom)
        usual = _USUAL.get(atom.predicate, ())
        for place, name in enumerate(names):
            wanted.setdefault(name, []).extend(usual[place] if place < len(usual) else ())
    parameters: list[Parameter] = []
    variables: dict[str, str] = {}
    for name, tags in wanted.items():
        type_ = _type(name, tags, table)
        taken = {parameter.name for parameter in parameters}
        others = (f"{type_}_{number}" for number in range(2, len(wanted) + 2))
        own = next(each for each in (type_, "target", *others) if each not in taken)
        parameters.append(Parameter(own, type_))
        variables[name] = f"?{own}"
    return tuple(parameters), variables


def things(atom: Atom) -> tuple[str, ...]:
    """What an atom is about, the hand apart."""
    return atom.arguments[1:] if atom.predicate in HAND_PREDICATES else atom.arguments


def over(literals: Literals, variables: Mapping[str, str]) -> Condition:
    """The facts over the variables of a contract; those of other things are left out."""
    bound = {}
    for atom, value in literals.items():
        if all(name in variables for name in things(atom)):
            names = tuple(variables[name] for name in things(atom))
            hand = (DEFAULT_HAND,) if atom.predicate in HAND_PREDICATES else ()
            bound[Atom(atom.predicate, (*hand, *names))] = value
    return Condition.of(bound)


def skeleton(
    name: str,
    parameters: tuple[Parameter, ...],
    requires: Condition,
    achieves: Condition,
    duration_s: float,
) -> Contract:
    """A draft of a contract, for somebody to look over."""
    takes = ", ".join(parameter.type for parameter in parameters)
    return Contract(
        name=name,
        version="0.1.0",
        summary=f"Proposed: {achieves} for {takes or 'nothing'}.",
        parameters=parameters,
        requires=requires,
        holds=Condition("true"),
        achieves=achieves,
        duration_s=duration_s,
    )


def plain_name(literals: Literals) -> str:
    """A name for what makes these facts so, such as `make_open`."""
    parts = [("" if value else "un") + atom.predicate for atom, value in literals.items()]
    main = [part for part in parts if part.removeprefix("un") not in _DERIVED]
    return f"make_{(main or parts or ['it'])[0]}"


def _type(name: str, tags: Iterable[str], table: AtomTable) -> str:
    """The type that a thing is taken as: a usual one that it has, else what the fewest share."""
    own = table.types.get(name, frozenset())
    for tag in tags:
        if tag in own:
            return tag
    return min(own, key=lambda tag: (len(table.names(tag)), tag), default="object")
