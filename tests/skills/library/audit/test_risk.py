"""The risk of a call: monotone, explained by its terms, and as sure as its trials allow."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from kata.datasets.types import AtomTable
from kata.skills.contract.call import Call
from kata.skills.contract.promise import Envelope, Workspace
from kata.skills.library.audit.risk import (
    BIAS,
    WEIGHTS,
    Risk,
    Standing,
    Term,
    invocation_risk,
    prior,
)
from kata.skills.testing import CONTRACTS, FakeWorld

ROWS = Path(__file__).resolve().parents[3] / "data" / "risk_rows.json"
PICK = Call(CONTRACTS["pick"], ("red_cube",))
KNOWN = Standing(signature="own", least_success=0.9)


@pytest.fixture
def facts():
    return FakeWorld().facts()


def test_no_weight_can_lower_a_risk():
    assert min(WEIGHTS.values()) > 0


@given(
    values=st.fixed_dictionaries({name: st.floats(0, 1) for name in WEIGHTS}),
    name=st.sampled_from(list(WEIGHTS)),
    more=st.floats(0, 1),
)
def test_the_risk_never_falls_when_a_term_rises(values, name, more):
    def risk(found):
        return Risk(tuple(Term(key, value, key) for key, value in found.items())).score

    assert risk({**values, name: max(values[name], more)}) >= risk(values)


@pytest.mark.parametrize(
    ("worse", "term"),
    [
        ({"standing": replace(KNOWN, signature="foreign")}, "signature"),
        ({"standing": replace(KNOWN, learned=True)}, "learned"),
        ({"standing": replace(KNOWN, least_success=None)}, "evidence"),
        ({"standing": replace(KNOWN, least_success=0.5)}, "evidence"),
        ({"limits": Envelope(1.8)}, "speed"),
        ({"resources": ("arm", "base")}, "resources"),
        ({"least_success": 0.2}, "failure"),
        ({"least_success": None}, "failure"),
    ],
)
def test_each_thing_that_is_worse_adds_to_its_term(facts, worse, term):
    def ask(least_success=0.95, standing=KNOWN, **changes):
        call = Call(replace(CONTRACTS["pick"], **changes), ("red_cube",))
        return invocation_risk(call, facts, standing, least_success=least_success)

    before, after = ask(), ask(**worse)
    assert after.score > before.score
    changed = {
        a.name for a in after.terms for b in before.terms if (a.name, a.value) == (b.name, b.value)
    }
    assert {t.name for t in after.terms} - changed == {term}


def test_limits_that_are_said_lower_it():
    said = Envelope(0.25, 30.0, Workspace((0.2, -0.3, 0.0), (0.7, 0.3, 0.5)))
    safe = replace(CONTRACTS["pick"], limits=said)
    assert prior(safe, KNOWN).score < prior(CONTRACTS["pick"], KNOWN).score


@pytest.mark.parametrize(
    ("tags", "name", "least"),
    [("fragile", "red_cube", 0.7), ("person", "red_cube", 1.0), ("person", "drawer", 0.6)],
)
def test_delicate_things_count_more_if_they_are_touched(facts, tags, name, least):
    types = dict(facts.table.types)
    types[name] = frozenset({*types[name], tags})
    table = AtomTable(facts.table.atoms, types)
    there = replace(facts, table=table)
    found = {t.name: t.value for t in invocation_risk(PICK, there, KNOWN, least_success=0.9).terms}
    plain = {t.name: t.value for t in invocation_risk(PICK, facts, KNOWN, least_success=0.9).terms}
    assert (found["things"], plain["things"]) == (pytest.approx(least), 0.0)


def test_what_is_not_known_counts(facts):
    truth = facts.truth.copy()
    truth[:] = -1
    blind = replace(facts, truth=truth)
    found = invocation_risk(PICK, blind, KNOWN, least_success=0.9)
    assert {t.name: t.value for t in found.terms}["unknown"] == 1.0
    assert "not known: " in str(found)


def test_numbers_at_the_end_of_their_range_count(contracts, facts):
    from kata.skills.contract.contract import Contract

    push = Contract.from_data(
        {
            "format": 2, "name": "push", "version": "1.0.0", "summary": "Push it.",
            "parameters": {
                "object": "object",
                "distance_m": {"type": "number", "unit": "m", "range": [0.0, 0.2], "default": 0.1},
            },
            "achieves": "near(?object, table)", "duration_s": 5.0,
        }
    )  # fmt: skip

    def edge(number):
        call = Call(push, ("red_cube", number))
        found = invocation_risk(call, facts, KNOWN, least_success=0.9)
        return {t.name: t.value for t in found.terms}["arguments"]

    assert [edge(number) for number in ("0.1", "0.15", "0.2")] == pytest.approx([0.0, 0.0, 1.0])


def test_it_is_told_by_its_heaviest_terms():
    found = prior(CONTRACTS["pick"], Standing(learned=True, signature="foreign"))
    assert str(found).startswith(f"risk {found.score:.2f}, {found.level}: ")
    assert [t.adds for t in found.terms] == sorted((t.adds for t in found.terms), reverse=True)
    data = json.loads(json.dumps(found.to_data()))
    assert data["risk"] == pytest.approx(
        1 / (1 + np.exp(-(BIAS + sum(t["adds"] for t in data["terms"].values())))), abs=1e-3
    )


# ---------------------------------------------------------------- calibration


def rows():
    found = json.loads(ROWS.read_text())
    skills = np.array([row[0] for row in found])
    return skills, np.array([row[1:3] for row in found]), np.array([row[3] for row in found], float)


def fitted(terms, failed):
    """Bias and weights (none negative) of a logistic regression."""

    def loss(p):
        z = p[0] + terms @ p[1:]
        error = 1 / (1 + np.exp(-z)) - failed
        value = np.sum(np.logaddexp(0, z) - failed * z) + 1e-3 * np.sum(p[1:] ** 2)
        return value, np.r_[error.sum(), terms.T @ error + 2e-3 * p[1:]]

    start = np.r_[-3.0, np.ones(terms.shape[1])]
    bounds = [(None, None), *[(0.0, 8.0)] * terms.shape[1]]
    return minimize(loss, start, jac=True, bounds=bounds).x


def held_out(columns):
    """The risk of each trial by weights that were fitted to the other skills."""
    skills, terms, failed = rows()
    risks = np.zeros(len(failed))
    for skill in set(skills):
        of = skills == skill
        p = fitted(terms[~of][:, columns], failed[~of])
        risks[of] = 1 / (1 + np.exp(-(p[0] + terms[of][:, columns] @ p[1:])))
    return risks, failed


def area(risks, failed):
    """Area under precision over recall of finding the failures."""
    order = np.argsort(-risks, kind="stable")
    precision = np.cumsum(failed[order]) / np.arange(1, len(failed) + 1)
    return float((precision * failed[order]).sum() / failed.sum())


def gap(risks, failed):
    """Mean distance of risk and rate over ten bins, weighed by their size."""
    bins = np.minimum((risks * 10).astype(int), 9)
    parts = [bins == b for b in set(bins)]
    return float(sum(abs(risks[p].mean() - failed[p].mean()) * p.mean() for p in parts))


def test_the_weight_of_a_predicted_failure_is_the_fitted_one(contracts):
    _, terms, failed = rows()
    bias, weight = fitted(terms[:, [1]], failed)
    learned = prior(contracts["pick"], replace(KNOWN, learned=True, least_success=0.92))
    fixed = sum(term.adds for term in learned.terms if term.name != "failure")
    assert weight == pytest.approx(WEIGHTS["failure"], abs=0.1)
    assert bias == pytest.approx(BIAS + fixed, abs=0.1)


def test_what_the_page_says_of_the_calibration():
    static, asked = held_out([0]), held_out([1])
    assert len(asked[1]) == 1500
    assert asked[1].mean() == pytest.approx(0.233, abs=0.001)
    assert area(*asked) == pytest.approx(0.856, abs=0.005)
    assert area(*static) == pytest.approx(0.149, abs=0.005)
    assert area(*held_out([0, 1])) == pytest.approx(0.855, abs=0.005)
    assert gap(*asked) == pytest.approx(0.046, abs=0.01)
    assert np.mean((asked[0] - asked[1]) ** 2) == pytest.approx(0.083, abs=0.003)
