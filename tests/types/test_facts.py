"""Atoms as text and facts as a mapping."""

import pickle
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import (
    HAND_PREDICATES,
    PREDICATES,
    Atom,
    AtomTable,
    ConditionError,
    Fact,
    Facts,
    UnknownNameError,
)

NAMES = st.text(string.ascii_lowercase + "_", min_size=1, max_size=8).filter(
    lambda name: name != "hand"
)


@st.composite
def atoms(draw):
    predicate = draw(st.sampled_from(sorted(PREDICATES)))
    count = PREDICATES[predicate] - (predicate in HAND_PREDICATES)
    hand = draw(st.sampled_from(["hand", "left"]))
    names = draw(st.lists(NAMES, min_size=count, max_size=count))
    return Atom.of(predicate, names, hand)


@given(atoms())
def test_text_and_back(atom):
    assert Atom.parse(str(atom)) == atom


def test_the_default_hand_may_be_omitted():
    assert Atom.parse("holding(red_cube)") == Atom("holding", ("hand", "red_cube"))
    assert Atom.parse("holding(red_cube)", "left") == Atom.parse("holding(left, red_cube)")
    assert str(Atom.parse("gripper_empty(hand)")) == "gripper_empty()"
    assert str(Atom.parse("gripper_empty(left)")) == "gripper_empty(left)"


def test_binding_replaces_only_what_it_names():
    atom = Atom.parse("in(?object, ?container)")
    assert str(atom.bind({"?object": "red_cube"})) == "in(red_cube, ?container)"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("open drawer", ConditionError, "not an atom\n  expected: predicate(name, ...)"),
        ("", ConditionError, "not an atom"),
        ("in(red_cube)", ConditionError, "'in' with wrong arguments\n  expected: 2 names"),
        ("in(a,, b)", ConditionError, "'in' with wrong arguments"),
        ("open(9x)", ConditionError, "'open' with wrong arguments"),
        ("opn(drawer)", UnknownNameError, "did you mean 'open'"),
    ],
)
def test_bad_atoms(text, kind, message):
    with pytest.raises(kind) as caught:
        Atom.parse(text)
    assert message in str(caught.value)


TABLE = AtomTable(
    tuple(Atom.parse(t) for t in ("open(drawer)", "closed(drawer)", "in(red_cube, drawer)")),
    {"red_cube": frozenset({"cube", "object"}), "drawer": frozenset({"openable"})},
)


def facts(truth=(1, 0, -1), margins=(2.0, -2.0, 0.3)):
    return Facts(TABLE, np.array(truth, dtype=np.int8), np.array(margins), 1.5)


def test_facts_are_a_mapping_of_atoms():
    now = facts()
    opened, closed, inside = TABLE.atoms
    assert len(now) == 3
    assert list(now) == list(TABLE.atoms)
    assert now[opened] == Fact(True, 2.0, 1.0, 1.5)
    assert (now.value(opened), now.value(closed), now.value(inside)) == (True, False, None)
    assert now.true_atoms() == {opened}
    absent = Atom.parse("pressed(button)")
    assert absent not in now
    assert (now.value(absent), now.margin(absent), now.get(absent)) == (None, 0.0, None)


def test_equal_facts_are_equal():
    assert facts() == facts()
    assert facts() != facts(truth=(0, 0, -1))
    assert pickle.loads(pickle.dumps(facts())) == facts()  # noqa: S301  our own bytes


def test_flipped_sets_value_and_margin_and_leaves_the_old_facts():
    before = facts()
    opened, closed, inside = TABLE.atoms
    after = before.flipped({opened: False, closed: True})
    assert after[opened] == Fact(False, -1.0, 1.0, 1.5)
    assert after[closed] == Fact(True, 1.0, 1.0, 1.5)
    assert after[inside] == before[inside]
    assert before == facts()
    with pytest.raises(ConditionError, match="no such atom"):
        before.flipped({Atom.parse("pressed(button)"): True})


def test_names_by_tag_keep_the_scenes_order():
    assert TABLE.names("object") == ("red_cube",)
    assert TABLE.names("nothing") == ()


def test_a_table_lists_an_atom_once():
    with pytest.raises(ConditionError, match="twice"):
        AtomTable((TABLE.atoms[0], TABLE.atoms[0]), {})
