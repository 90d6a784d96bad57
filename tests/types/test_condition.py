"""Conditions: text and back, Kleene's truth, margins, grounding, literals, messages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import Atom, AtomTable, Condition, ConditionError, Facts
from kata.datasets.types.errors import UnknownNameError

ATOMS = tuple(
    Atom.parse(text)
    for text in ("open(drawer)", "closed(drawer)", "in(a, drawer)", "in(b, drawer)", "holding(a)")
)
TABLE = AtomTable(
    ATOMS,
    {
        "a": frozenset({"object", "support"}),
        "b": frozenset({"object", "support"}),
        "drawer": frozenset({"container"}),
    },
)


def both(make):
    return st.lists(make, min_size=2, max_size=3).map(tuple)


def conditions(leaves):
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(lambda part: Condition("not", (part,))),
            both(inner).map(lambda parts: Condition("and", parts)),
            both(inner).map(lambda parts: Condition("or", parts)),
            st.tuples(
                st.sampled_from(["forall", "exists"]),
                inner,
                st.sampled_from(["?x", "?y"]),
                st.sampled_from(["object", "container", "nothing"]),
            ).map(lambda t: Condition(t[0], (t[1],), None, t[2], t[3])),
        ),
        max_leaves=8,
    )


LEAF = st.one_of(
    st.sampled_from(ATOMS).map(lambda atom: Condition("atom", atom=atom)),
    st.sampled_from(ATOMS).map(lambda atom: Condition("atom", atom=atom, least=1.5)),
    st.just(Condition("true")),
)
CLOSED = conditions(LEAF)
OPEN = conditions(
    st.one_of(
        LEAF, st.just(Condition.parse("in(?x, drawer)")), st.just(Condition.parse("in(?x, ?y)"))
    )
)


@st.composite
def facts(draw):
    count = len(ATOMS)
    truth = draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=count, max_size=count))
    sizes = draw(st.lists(st.floats(0.1, 5.0), min_size=count, max_size=count))
    signs = np.array([{-1: 0.0, 0: -1.0, 1: 1.0}[value] for value in truth])
    return Facts(TABLE, np.array(truth, dtype=np.int8), signs * np.array(sizes), 0.0)


@given(OPEN)
def test_text_and_back(condition):
    assert Condition.parse(str(condition)) == condition


@given(OPEN, facts())
def test_grounding_binds_every_quantifier_and_keeps_the_truth(condition, now):
    closed = condition.bind({"?x": "a", "?y": "drawer"})
    ground = closed.ground(TABLE)
    assert not {"forall", "exists"} & {part.kind for part in _nodes(ground)}
    assert not ground.free()
    assert ground.evaluate(now) == closed.evaluate(now)
    assert Condition.parse(str(ground)).evaluate(now) == closed.evaluate(now)


def _nodes(condition):
    yield condition
    for part in condition.parts:
        yield from _nodes(part)


@given(CLOSED, CLOSED, facts())
def test_de_morgan_in_value_and_margin(a, b, now):
    def no(condition):
        return Condition("not", (condition,))

    left = no(Condition("and", (a, b))).evaluate(now)
    assert left == Condition("or", (no(a), no(b))).evaluate(now)
    right = no(Condition("or", (a, b))).evaluate(now)
    assert right == Condition("and", (no(a), no(b))).evaluate(now)
    assert no(no(a)).evaluate(now) == a.evaluate(now)


@given(CLOSED, CLOSED, CLOSED, facts())
def test_lattice_laws(a, b, c, now):
    def join(kind, *parts):
        return Condition(kind, parts).evaluate(now)

    for kind, other in (("and", "or"), ("or", "and")):
        assert join(kind, a, b) == join(kind, b, a)
        assert join(kind, a, a) == a.evaluate(now)
        assert join(kind, Condition(kind, (a, b)), c) == join(kind, a, Condition(kind, (b, c)))
        assert join(kind, a, Condition(other, (a, b))) == a.evaluate(now)


@given(CLOSED, facts())
def test_more_knowledge_never_changes_a_known_answer(condition, now):
    before = condition.evaluate(now).value
    if before is not None:
        for filled in (0, 1):
            truth = np.where(now.truth < 0, filled, now.truth).astype(np.int8)
            later = Facts(TABLE, truth, now.margins, 0.0)
            assert condition.evaluate(later).value is before


@given(CLOSED, facts())
def test_the_sign_of_the_margin_agrees_with_the_value(condition, now):
    truth = condition.evaluate(now)
    if truth.value is not None:
        assert truth.margin > 0 if truth.value else truth.margin < 0


@given(CLOSED, facts())
def test_unmet_is_empty_exactly_if_it_is_true(condition, now):
    assert (condition.unmet(now) == ()) is (condition.evaluate(now).value is True)


@given(st.dictionaries(st.sampled_from(ATOMS), st.booleans()))
def test_literals_of_a_conjunction_come_back(wanted):
    assert Condition.of(wanted).literals(TABLE) == wanted


def test_precedence_and_quantifiers():
    condition = Condition.parse("open(drawer) or closed(drawer) and not holding(a)")
    assert condition.kind == "or"
    assert condition.parts[1].kind == "and"
    inner = Condition.parse("forall ?x: object. in(?x, drawer) and open(drawer)")
    assert inner.kind == "and"  # a quantifier takes one term; brackets make it take more
    assert Condition.parse("  ") == Condition("true")


def test_shadowed_variables_stay_bound():
    condition = Condition.parse("in(?x, drawer) and (exists ?x: object. in(?x, drawer))")
    assert condition.free() == {"?x"}
    bound = condition.bind({"?x": "a"})
    assert str(bound) == "in(a, drawer) and (exists ?x: object. in(?x, drawer))"
    assert bound.free() == frozenset()


def test_what_the_scene_cannot_have_is_false():
    now = Facts(TABLE, np.zeros(len(ATOMS), dtype=np.int8), -np.ones(len(ATOMS)), 0.0)
    assert Condition.parse("on(a, a)").evaluate(now).value is False
    nowhere = Condition.parse("forall ?s: support. not on(a, ?s)")
    assert nowhere.evaluate(now).value is True
    assert nowhere.literals(TABLE) == {}


def test_quantifiers_over_nothing():
    now = Facts(TABLE, np.zeros(len(ATOMS), dtype=np.int8), -np.ones(len(ATOMS)), 0.0)
    assert Condition.parse("forall ?x: ghost. open(drawer)").evaluate(now).value is True
    none = Condition.parse("exists ?x: ghost. open(drawer)")
    assert none.evaluate(now).value is False
    assert str(none.ground(TABLE)) == "not true"


def test_an_effect_names_one_outcome():
    assert Condition.parse("not (open(drawer) or holding(a))").literals(TABLE) == {
        ATOMS[0]: False,
        ATOMS[4]: False,
    }
    for text in ("open(drawer) or closed(drawer)", "exists ?x: object. in(?x, drawer)"):
        with pytest.raises(ConditionError, match="no single outcome"):
            Condition.parse(text).literals(TABLE)


def test_unmet_names_the_smallest_parts():
    now = Facts(TABLE, np.array([1, 0, 1, 0, -1], dtype=np.int8), np.zeros(5), 0.0)
    text = "open(drawer) and (forall ?x: object. in(?x, drawer)) and holding(a)"
    assert Condition.parse(text).unmet(now) == ("in(b, drawer)", "holding(a)")


@pytest.mark.parametrize(
    ("text", "expected", "got"),
    [
        ("open(drawer", "','", "'the end'"),
        ("open(drawer,)", "a name after the comma", "')'"),
        ("open(drawer) and", "a name", "'the end'"),
        ("open(drawer) closed(drawer)", "end of text", "'closed(drawer)'"),
        ("not", "a name", "'the end'"),
        ("forall x: cube. open(x)", "a variable such as ?x before the colon", "': cube. open(x)'"),
        ("forall ?x: (. open(?x)", "a tag such as cube before the dot", "'. open(?x)'"),
        ("open(drawer) & closed(drawer)", "a name, a bracket or a comma", "'& closed(drawer)'"),
        ("(" * 50 + "open(drawer)" + ")" * 50, "at most 40 nested", None),
        ("not " * 50 + "open(drawer)", "at most 40 nested terms", None),
    ],
)
def test_parse_errors_say_where(text, expected, got):
    with pytest.raises(ConditionError) as caught:
        Condition.parse(text)
    assert caught.value.what == "cannot parse"
    assert caught.value.expected.startswith(expected)
    if got is not None:
        assert caught.value.got == got


def test_unknown_predicates_are_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'closed'"):
        Condition.parse("close(drawer)")


@given(st.text(max_size=60))
def test_any_text_parses_or_says_why(text):
    try:
        condition = Condition.parse(text)
    except (ConditionError, UnknownNameError):
        return
    assert Condition.parse(str(condition)) == condition


def plainly(condition, now):
    """Truth as the definition says, one node after the other."""
    if condition.kind == "atom":
        if condition.atom not in now:
            return False, float("-inf")
        value, margin = now.value(condition.atom), now.margin(condition.atom)
        if condition.least and value and margin < condition.least:
            value = False
        return value, margin - condition.least
    if condition.kind == "true":
        return True, float("inf")
    parts = [plainly(part, now) for part in condition.parts]
    if condition.kind == "not":
        value, margin = parts[0]
        return (None if value is None else not value), -margin
    decisive = condition.kind == "or"
    values, margins = zip(*parts, strict=True) if parts else ((), ())
    worst = float("-inf") if decisive else float("inf")
    margin = (max if decisive else min)(margins, default=worst)
    return (decisive if decisive in values else None if None in values else not decisive), margin


@given(CLOSED, facts())
def test_the_quick_way_gives_what_the_definition_says(condition, now):
    truth = condition.evaluate(now)
    assert (truth.value, truth.margin) == plainly(condition.ground(TABLE), now)


MARGIN = st.floats(0, 4).map(lambda x: round(x, 2))


@given(facts(), st.sampled_from(ATOMS), MARGIN)
def test_a_least_margin_asks_for_more_than_truth(facts, atom, least):
    condition = Condition.parse(f"{atom} >= {least}")
    plain = Condition.parse(str(atom)).evaluate(facts)
    truth = condition.evaluate(facts)
    if least and plain.value:
        assert truth.value is (facts.margin(atom) >= least)
    else:
        assert truth.value is plain.value
    assert truth.margin == pytest.approx(facts.margin(atom) - least)
    assert condition.plain() == Condition.parse(str(atom))


@given(facts(), st.lists(st.tuples(st.sampled_from(ATOMS), MARGIN, st.booleans()), min_size=1))
def test_margins_hold_in_conjunctions_too(facts, rows):
    """Conjunctions are read from the table at once; they must say what their parts say."""
    texts = [f"{'not ' * negated}{atom} >= {least}" for atom, least, negated in rows]
    whole = Condition.parse(" and ".join(texts)).evaluate(facts)
    parts = [Condition.parse(text).evaluate(facts) for text in texts]
    values = [part.value for part in parts]
    wanted = False if False in values else None if None in values else True
    assert whole.value is wanted
    assert whole.margin == pytest.approx(min(part.margin for part in parts))


@pytest.mark.parametrize("text", ["open(drawer) >=", "open(drawer) >= -1", "open(drawer) >= x"])
def test_a_margin_is_a_number(text):
    with pytest.raises(ConditionError, match="cannot parse"):
        Condition.parse(text)


def test_hands_are_those_that_atoms_name():
    atoms = [Atom.parse(f"gripper_empty({hand})") for hand in ("left", "right")]
    table = AtomTable(tuple(atoms), {})
    assert table.hands == table.names("hand") == ("left", "right")
    assert AtomTable((), {}).hands == ("hand",)
    every = Condition.parse("forall ?h: hand. gripper_empty(?h)").ground(table)
    assert str(every) == "gripper_empty(left) and gripper_empty(right)"
