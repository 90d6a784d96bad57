"""Several candidates: Holm's p-values and letters that say no more and no less than the pairs."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import ConfigError, UnknownNameError
from kata.skills.evidence.several import holm, letters

NAMES = "ABCDEFG"
RELATIONS = st.integers(1, 7).flatmap(
    lambda n: st.tuples(
        st.just(NAMES[:n]), st.sets(st.sampled_from([*itertools.combinations(NAMES[:n], 2), None]))
    )
)


def test_holm_by_hand():
    found = holm({("a", "b"): 0.01, ("a", "c"): 0.04, ("b", "c"): 0.03})
    assert found == pytest.approx({("a", "b"): 0.03, ("a", "c"): 0.06, ("b", "c"): 0.06})


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_lies_between_the_plain_value_and_bonferronis(values):
    plain = {("a", str(i)): value for i, value in enumerate(values)}
    for pair, adjusted in holm(plain).items():
        assert plain[pair] - 1e-12 <= adjusted <= min(len(values) * plain[pair], 1) + 1e-12


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_holm_keeps_the_order(values):
    found = holm({("a", str(i)): value for i, value in enumerate(values)})
    ordered = [found["a", str(i)] for i in sorted(range(len(values)), key=values.__getitem__)]
    assert ordered == sorted(ordered)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_holm_refuses_what_is_no_p_value(value):
    with pytest.raises(ConfigError, match="not a p-value \\(in a and b\\)"):
        holm({("a", "b"): value})


@pytest.mark.parametrize(
    ("names", "different", "expected"),
    [
        ("", [], ""),
        ("A", [], "a"),
        ("ABC", [], "a a a"),
        ("AB", ["AB"], "a b"),
        ("ABCD", ["AC", "AD", "BD"], "a ab bc c"),
        ("ABC", ["AB", "AC", "BC"], "a b c"),
        # Only the middle one differs from the best: letters need not follow the order.
        ("ABC", ["AB"], "a b ab"),
        # The relation of Piepho's example; the columns 1236 1456 23678 34678 45678 by hand.
        ("12345678", ["17", "18", "24", "25", "35"], "ab ac acd bde be abcde cde cde"),
    ],
)
def test_letters_by_hand(names, different, expected):
    found = letters(list(names), [tuple(pair) for pair in different])
    assert list(found) == list(names)
    assert " ".join(found.values()) == expected


def shared(display):
    """Pairs with a letter in common."""
    return {(a, b) for a in display for b in display if a < b and set(display[a]) & set(display[b])}


@given(RELATIONS)
def test_two_share_a_letter_unless_they_differ(relation):
    names, different = relation
    different = different - {None}
    display = letters(list(names), different)
    assert shared(display) == set(itertools.combinations(names, 2)) - different
    assert all(display.values())


@given(RELATIONS)
def test_no_letter_is_idle(relation):
    names, different = relation
    display = letters(list(names), different - {None})
    used = set("".join(display.values()))
    for letter in used:
        without = {name: text.replace(letter, "") for name, text in display.items()}
        assert not all(without.values()) or shared(without) != shared(display)


@given(RELATIONS)
def test_the_order_within_a_pair_means_nothing(relation):
    names, different = relation
    pairs = different - {None}
    assert letters(list(names), pairs) == letters(list(names), {(b, a) for a, b in pairs})


def test_letters_refuse_what_they_do_not_know():
    with pytest.raises(UnknownNameError, match="unknown candidate 'pick@2'"):
        letters(["pick@1"], [("pick@1", "pick@2")])
    with pytest.raises(ConfigError, match="a name that comes twice"):
        letters(["a", "a"], [])
    with pytest.raises(ConfigError, match="a name that differs from itself"):
        letters(["a", "b"], [("a", "a")])
    names = [str(i) for i in range(60)]
    with pytest.raises(ConfigError, match="too many groups for letters"):
        letters(names, list(itertools.combinations(names, 2)))
