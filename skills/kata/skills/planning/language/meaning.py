"""What a clause asks for: literals over the names of the scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kata.datasets.types import Atom
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract

from .answers import Ambiguous, NotUnderstood, UnresolvedError
from .grammar import Clause, Things
from .lexicon import Relation, Verb
from .reference import Chosen, Fits, Resolver
from .scene import Scene
from .words import SKILL

Ground = tuple[Relation, Things | None]


@dataclass(frozen=True, slots=True)
class Meaning:
    """The literals of one clause.

    Attributes:
        kept: the clause asks that something stays as it is; it wins over `every`.
        every: the clause spoke of all things of a kind.
        theme, grounds: names that it mentioned, for later pronouns.
    """

    literals: Mapping[Atom, bool]
    theme: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()
    kept: bool = False
    every: bool = False
    notes: tuple[str, ...] = field(default=())


class Interpreter:
    """Gives clauses a meaning, one after the other; raises UnresolvedError where there is none."""

    def __init__(self, scene: Scene, resolver: Resolver, contracts: Sequence[Contract]) -> None:
        self._scene, self._resolver = scene, resolver
        self._contracts = {contract.name: contract for contract in contracts}

    def meaning(self, clause: Clause) -> Meaning:
        """The clause's literals, negated where it says so."""
        lexicon = self._scene.words.lexicon
        verb = lexicon.verbs.get(clause.verb, Verb("", "place"))
        if clause.verb.startswith(SKILL):
            return _signed(self._skill(clause), clause.negated)
        if verb.asks in ("place", "drop") and clause.theme is None:
            clause = self._with_theme(clause)
        if verb.asks == "nothing":
            return Meaning({}, notes=(f"'{clause.text}' changes nothing",))
        if clause.theme is None:
            return _signed(self._without_theme(clause, verb), clause.negated)
        relations = [(lexicon.relations[name], things) for name, things in clause.relations]
        if verb.asks == "touch" or (
            clause.negated and verb.asks == "place" and not relations and not clause.adjective
        ):
            if not clause.negated:
                raise self._unclear(f"'{clause.text}': touch it how?", clause.theme)
            return self._keep(clause.theme)
        return _signed(self._asked(clause, clause.theme, verb, relations), clause.negated)

    def _with_theme(self, clause: Clause) -> Clause:
        """`throw in the cube`: what no place can be is what is thrown, `in` where it was said."""
        if len(clause.relations) != 1:
            return clause
        (name, things), relation = clause.relations[0], self._scene.words.lexicon.relations
        if things is None:
            return clause
        names = [n for item in things.items for n in self._resolver.candidates(item)]
        places = {
            atom.arguments[1]
            for atom in self._scene.table.atoms
            if atom.predicate in relation[name].predicates[:1] and len(atom.arguments) > 1
        }
        if not names or places & set(names):
            return clause
        return replace(clause, theme=things, relations=((name, None),))

    def _asked(
        self, clause: Clause, theme: Things, verb: Verb, relations: Sequence[Ground]
    ) -> Meaning:
        if clause.adjective:
            return self._state(clause.adjective, theme, relations, kept=verb.asks == "keep")
        ends = [pair for pair in relations if pair[0].ends]
        if verb.asks == "empty" and not ends:
            return self._empty(theme)
        targets = [pair for pair in relations if not pair[0].ends]
        if verb.asks == "state" and targets and not ends and self._describes(theme, targets, verb):
            return self._state(verb.predicate, theme, targets)
        if targets:
            return self._place(theme, targets, ends, kept=verb.asks == "keep", chain=verb.name)
        out = "out" in clause.particles or verb.asks in ("remove", "empty")
        if ends or (out and verb.asks != "keep"):
            held = verb.predicate if ends and ends[0][0].name == "from" else ""
            return self._remove(theme, ends, held)
        if verb.asks == "state":
            return self._state(verb.predicate, theme, ())
        if verb.asks == "keep":
            return self._keep(theme)
        if not verb.name:
            raise self._unclear(f"what should become of '{theme.text}'?", theme)
        return self._put_down(clause, theme, verb)

    # ------------------------------------------------------------ one thing and its state

    def _state(
        self, predicate: str, theme: Things, where: Sequence[Ground], *, kept: bool = False
    ) -> Meaning:
        fits: Fits = lambda name: self._scene.possible(predicate, name)  # noqa: E731
        chosen = self._resolver.things(
            theme,
            self._narrowed(fits, where),
            lambda name: self._scene.true(predicate, name),
        )
        literals = {self._scene.atom(predicate, name): True for name in chosen.names}
        return _made(literals, chosen, kept=kept)

    def _keep(self, theme: Things) -> Meaning:
        chosen = self._resolver.things(theme, lambda name: bool(self._scene.places(name)))
        atoms = [atom for name in chosen.names for atom in self._scene.places(name)]
        return _made(dict.fromkeys(atoms, True), chosen, kept=True)

    def _empty(self, theme: Things) -> Meaning:
        chosen = self._resolver.things(theme, lambda name: bool(self._scene.contents(name)))
        literals = {atom: False for name in chosen.names for atom in self._scene.contents(name)}
        if not literals:
            raise self._unclear(f"nothing can be in or on '{theme.text}'", theme)
        literals[self._scene.atom("gripper_empty")] = True
        return _made(literals, chosen)

    def _describes(self, theme: Things, targets: Sequence[Ground], verb: Verb) -> bool:
        """Whether `the cube on the table` says which cube, rather than where to."""
        fits = self._narrowed(lambda name: self._scene.possible(verb.predicate, name), targets)
        names = [name for item in theme.items for name in self._resolver.candidates(item)]
        return any(fits(name) for name in names)

    def _narrowed(self, fits: Fits, where: Sequence[Ground]) -> Fits:
        """`fits`, of the things that are now where these relations say."""
        grounds = [
            (relation, self._resolver.things(things, lambda _: True).names)
            for relation, things in where
            if things is not None
        ]
        if not grounds:
            return fits
        return lambda name: (
            fits(name)
            and all(
                any(
                    self._scene.true(predicate, name, ground)
                    for predicate in (*relation.predicates, *relation.ends)
                    for ground in names
                    if ground != name
                )
                for relation, names in grounds
            )
        )

    # ------------------------------------------------------------ a thing and a place

    def _place(
        self,
        theme: Things,
        targets: Sequence[Ground],
        ends: Sequence[Ground],
        *,
        kept: bool,
        chain: str,
    ) -> Meaning:
        *where, (relation, ground) = targets
        descriptive = [*where, *ends]
        if where and (chain == "stack" or not self._holds_now(theme, where)):
            return self._tower(theme, targets)
        names = [n for item in theme.items for n in self._resolver.candidates(item)]
        movable = names or list(self._scene.words.names)
        predicate, target = self._target(relation, ground, movable)
        fits = self._narrowed(
            lambda name: self._scene.possible(predicate, name, target), descriptive
        )
        chosen = self._resolver.things(
            theme, fits, lambda name: self._scene.true(predicate, name, target)
        )
        literals = {
            self._scene.atom(predicate, name, target): True
            for name in chosen.names
            if name != target
        }
        if not literals:
            raise self._unclear(f"'{theme.text}' cannot be put on itself", theme)
        other = relation.name != "to" and predicate != relation.predicates[0]
        notes = (f"read '{relation.name}' as {next(iter(literals))}",) if other else ()
        return _made(literals, chosen, (target,), kept=kept, notes=notes)

    def _holds_now(self, theme: Things, where: Sequence[Ground]) -> bool:
        fits = self._narrowed(lambda _: True, where)
        return any(fits(n) for item in theme.items for n in self._resolver.candidates(item))

    def _tower(self, theme: Things, targets: Sequence[Ground]) -> Meaning:
        """X on Y on Z: each thing on the next one."""
        literals: dict[Atom, bool] = {}
        grounds: list[str] = []
        first = theme
        for relation, ground in targets:
            if ground is None:
                raise self._unclear(f"'{theme.text}' {relation.name} what?", theme)
            part = self._place(first, [(relation, ground)], (), kept=False, chain="")
            literals |= part.literals
            grounds += part.grounds
            first = ground
        chosen = self._resolver.things(theme, lambda _: True)
        return _made(literals, chosen, tuple(grounds))

    def _target(
        self, relation: Relation, ground: Things | None, movable: Sequence[str]
    ) -> tuple[str, str]:
        """The predicate that a relation means here, and the thing that it is about."""

        def takes(predicate: str) -> Fits:
            return lambda name: any(
                thing != name and self._scene.possible(predicate, thing, name) for thing in movable
            )

        if ground is None:
            return self._implied(relation, takes)
        predicate = relation.predicates[0]
        pronoun = any(item.determiner in ("it", "them") for item in ground.items)
        for option in () if pronoun else relation.predicates:
            names = [n for item in ground.items for n in self._resolver.candidates(item)]
            if any(takes(option)(name) for name in names):
                predicate = option
                break
        chosen = self._resolver.things(ground, takes(predicate))
        if len(chosen.names) > 1:
            raise UnresolvedError(
                Ambiguous(
                    ground.text,
                    f"'{ground.text}' are several places: {', '.join(chosen.names)}",
                    chosen.names,
                )
            )
        return predicate, chosen.names[0]

    def _implied(self, relation: Relation, takes: Callable[[str], Fits]) -> tuple[str, str]:
        """The place of `put it in`: the one last mentioned that takes something."""
        fits = takes(relation.predicates[0])
        for group in self._resolver.discourse.mentioned():
            for name in group:
                if fits(name):
                    return relation.predicates[0], name
        options = tuple(name for name in self._scene.words.names if fits(name))
        said = f"'{relation.name}' what? It could be {', '.join(options)}"
        raise UnresolvedError(Ambiguous(relation.name, said, options))

    def _remove(self, theme: Things, ends: Sequence[Ground], held: str) -> Meaning:
        places: list[str] = []
        for _, things in ends:
            if things is not None:
                places += self._resolver.things(
                    things, lambda name: bool(self._scene.contents(name))
                ).names

        def leaves(name: str) -> list[Atom]:
            return [
                atom
                for atom in self._scene.table.atoms
                if atom.predicate in ("in", "on")
                and atom.arguments[0] == name
                and (atom.arguments[1] in places if places else self._scene.facts.value(atom))
            ]

        now: Fits = lambda name: any(  # noqa: E731
            self._scene.facts.value(atom) for atom in leaves(name)
        )
        there = any(now(name) for name in self._scene.words.names)
        chosen = self._resolver.things(theme, now if there else lambda name: bool(leaves(name)))
        if held and len(chosen.names) == 1:
            return _made({self._scene.atom(held, chosen.names[0]): True}, chosen, places)
        literals = {atom: False for name in chosen.names for atom in leaves(name)}
        if not literals:
            raise self._unclear(f"'{theme.text}' out of what?", theme)
        if len(chosen.names) > 1:
            literals[self._scene.atom("gripper_empty")] = True
        return _made(literals, chosen, places)

    def _put_down(self, clause: Clause, theme: Things, verb: Verb) -> Meaning:
        """A place that is not said: the first surface for `drop` and `put down`, or a question."""
        chosen = self._resolver.things(theme, lambda name: self._scene.possible("holding", name))
        atoms = [
            atom
            for atom in self._scene.made
            if atom.predicate in ("on", "in") and atom.arguments[0] == chosen.names[0]
        ]
        if not atoms:  # it goes nowhere, since no hand can have it
            return _made({self._scene.atom("holding", chosen.names[0]): True}, chosen)
        surfaces = [a for a in atoms if "surface" in self._scene.table.types[a.arguments[1]]]
        if surfaces and (verb.asks == "drop" or "down" in clause.particles):
            target = surfaces[0].arguments[1]
            literals = {self._scene.atom("on", name, target): True for name in chosen.names}
            return _made(literals, chosen, (target,))
        options = tuple(self._scene.say(atom) for atom in atoms)
        message = f"'{clause.text}': where to? {'; '.join(options)}"
        raise UnresolvedError(Ambiguous(clause.text, message, options))

    # ------------------------------------------------------------ the rest

    def _without_theme(self, clause: Clause, verb: Verb) -> Meaning:
        if verb.asks == "drop" and not clause.relations:
            return Meaning({self._scene.atom("gripper_empty"): True})
        options = tuple(
            self._scene.say(atom)
            for atom in self._scene.made
            if atom.predicate in ((verb.predicate,) if verb.predicate else ("on", "in", "near"))
        )
        message = f"'{clause.text}' what? For example: {'; '.join(options[:6])}"
        raise UnresolvedError(Ambiguous(clause.text, message, options))

    def _skill(self, clause: Clause) -> Meaning:
        """A verb that is a contract's name: its things are the parameters, by type."""
        contract = self._contracts[clause.verb.removeprefix(SKILL)]
        phrases = [clause.theme, *(things for _, things in clause.relations)]
        rest = [phrase for phrase in phrases if phrase is not None]
        columns: list[tuple[str, ...]] = []
        for parameter in contract.parameters:
            options = self._scene.table.names(parameter.type)
            if not rest:
                message = f"'{clause.text}': which {parameter.name}? {', '.join(options)}"
                raise UnresolvedError(Ambiguous(clause.text, message, options))
            columns.append(self._resolver.things(rest.pop(0), options.__contains__).names)
        literals: dict[Atom, bool] = {}
        first, *others = columns or [()]
        for name in first or ("",):
            call = Call(contract, (name, *(column[0] for column in others)) if first else ())
            changes = call.achieves.literals(self._scene.table)
            literals |= {
                atom: value
                for atom, value in changes.items()
                if value and (not call.values or set(atom.arguments) & set(call.values))
            }
        return Meaning(literals, first, tuple(column[0] for column in others))

    def _unclear(self, message: str, theme: Things) -> UnresolvedError:
        names = [n for item in theme.items for n in self._resolver.candidates(item)]
        return UnresolvedError(NotUnderstood(message, self._scene.examples(names)))


def _made(
    literals: Mapping[Atom, bool],
    chosen: Chosen,
    grounds: Sequence[str] = (),
    *,
    kept: bool = False,
    notes: tuple[str, ...] = (),
) -> Meaning:
    if chosen.none:
        literals = {atom: not value for atom, value in literals.items()}
    return Meaning(literals, chosen.names, tuple(grounds), kept, chosen.every, notes)


def _signed(meaning: Meaning, negated: bool) -> Meaning:
    if not negated:
        return meaning
    literals = {atom: not value for atom, value in meaning.literals.items()}
    return Meaning(literals, meaning.theme, meaning.grounds, notes=meaning.notes)
