"""Sound packages of all sorts: they pass the audit, load, and do what they are for."""

import json
from dataclasses import replace

import numpy as np
import pytest

from kata.datasets.files import json_bytes, write_file
from kata.datasets.types import ChunkRequest, Condition
from kata.policies.composition import Composed, Part
from kata.policies.fakes import fake_observation, fake_policy
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.package import scripted
from kata.skills.execution.messages import LoadedSkill
from kata.skills.execution.runner import run
from kata.skills.handover.boundary import FactBoundary
from kata.skills.handover.features import Start, StartSample
from kata.skills.handover.storage import load_boundary, save_boundary
from kata.skills.library.audit import audit_package
from kata.skills.library.library import Library
from kata.skills.library.trust import Trust, make_package
from kata.skills.planning.plan import Plan
from kata.skills.testing import CONTRACTS as FAKE
from kata.skills.testing import FakeWorld, good_skills

PAGE = b"# Pick\n\nPicks things up. See `kata library show pick`; 3 < 5 holds.\n\n- [x] tried\n"

NUMBERS = {
    "format": 2,
    "name": "nudge",
    "version": "2.1.0",
    "summary": "Push an object a little way over the table.",
    "parameters": {
        "object": "object",
        "distance_m": {"type": "number", "unit": "m", "range": [0.02, 0.15], "default": "0.08"},
        "goal": {"type": "pose", "default": "table@0.45,0.1,0.02"},
    },
    "requires": "gripper_empty() and on(?object, table)",
    "achieves": "near(?object, table)",
    "duration_s": 8.0,
    "limits": {
        "speed_m_s": 0.3,
        "force_n": 20.0,
        "workspace": {"low": [0.2, -0.5, 0.0], "high": [0.8, 0.5, 0.6]},
    },
}


def learned(kind):
    return lambda folder: fake_policy(kind).save(folder)


def composed(folder):
    Composed([Part(fake_policy("flow"), 0.75), Part(fake_policy("flow"), 0.25)]).save(folder)


def with_page(folder):
    scripted("open")(folder)
    write_file(folder / "README.md", PAGE)


def boundary():
    from kata.skills.handover.boundary import fit_boundary

    rng = np.random.default_rng(0)
    samples = [
        StartSample(
            Start(rng.uniform(0, 1, 8), rng.normal(size=7), rng.normal(size=(1, 16))),
            bool(rng.uniform() < 0.7),
        )
        for _ in range(40)
    ]
    return lambda folder: save_boundary(fit_boundary(samples, [7], 0), folder)


def packages(contracts):
    """Contract, policy and boundary of each, by name."""
    named = {**FAKE, **contracts}
    return {
        "a scripted opener": (FAKE["open"], scripted("open"), None),
        "a scripted picker": (FAKE["pick"], scripted("pick"), None),
        "a scripted placer": (FAKE["place_in"], scripted("place_in"), None),
        "a scripted closer": (FAKE["close"], scripted("close"), None),
        "one with a page": (replace(FAKE["open"], version="1.0.1"), with_page, None),
        "one that was learned": (named["pick"], learned("regression"), None),
        "one that flows": (named["stack"], learned("flow"), None),
        "one that is composed": (named["place"], composed, None),
        "one with a boundary": (named["place"], learned("regression"), boundary()),
        "one for two hands": (named["handover"], scripted("handover"), None),
        "one with numbers and places": (Contract.from_data(NUMBERS), scripted("push"), None),
    }


NAMES = list(packages(dict.fromkeys(("pick", "stack", "place", "handover"))))


@pytest.fixture
def opened(request, tmp_path, contracts, own):
    """A package that another key signed, opened the way of a library."""
    contract, policy, found = packages(contracts)[request.param]
    library = Library(tmp_path / "library", own)
    library.add(make_package(tmp_path / "made", contract, policy, found, own))
    return library.get(contract.name)


@pytest.mark.parametrize("name", NAMES)
def test_a_benign_package_passes(name, tmp_path, contracts, own, mallory):
    contract, policy, found = packages(contracts)[name]
    package = make_package(tmp_path, contract, policy, found, mallory)
    report = audit_package(package)
    assert report.ok, report.of("error")
    assert not report.of("warning"), report.of("warning")
    own.trust(mallory.public(), "mallory")
    assert Trust.of(own, "trusted").open(package).identity == report.identity


@pytest.mark.parametrize("opened", NAMES[:5], indirect=True)
def test_scripted_ones_run_in_the_fake_world(opened):
    skills = good_skills()
    policy = opened.load_policy(lambda name: skills[name].policy)
    skills[opened.contract.name] = LoadedSkill(opened.contract, policy, FactBoundary())
    texts = [("open", ("drawer",)), ("pick", ("red_cube",))]
    texts += [("place_in", ("red_cube", "drawer")), ("close", ("drawer",))]
    calls = [Call(skills[name].contract, values) for name, values in texts]
    goal = Condition.parse("in(red_cube, drawer) and closed(drawer)")
    assert run(FakeWorld(), Plan.sequence(goal, calls), skills, None, "full", 0).success


@pytest.mark.parametrize("opened", NAMES[5:9], indirect=True)
def test_learned_ones_give_chunks(opened):
    policy = opened.load_policy()
    policy.reset(0)
    chunk = policy.chunk(fake_observation(1), ChunkRequest(1.0))
    assert np.isfinite(chunk.values).all()


@pytest.mark.parametrize("opened", ["one with a boundary"], indirect=True)
def test_a_boundary_comes_back(opened):
    assert opened.load_boundary(load_boundary).model.members


@pytest.mark.parametrize("opened", NAMES[9:], indirect=True)
def test_those_of_other_robots_and_numbers_name_their_expert(opened):
    expert = object()
    assert opened.load_policy(lambda name: {opened.scripted: expert}[name]) is expert


def test_a_contract_of_the_first_format_passes(tmp_path, contracts, own, rehash, sign):
    from kata.skills.contract.package import write_package

    old = write_package(tmp_path, contracts["press"], scripted("press"))
    data = {
        "format": 1,
        "name": "press",
        "version": "1.0.0",
        "summary": contracts["press"].summary,
        "parameters": {"button": "button"},
        "requires": "not pressed(?button)",
        "achieves": "pressed(?button)",
        "duration_s": 4.0,
        "speed_m_s": 1.0,
    }
    write_file(old / "skill.yaml", json_bytes(data))
    rehash(old)
    sign(old, own)
    report = audit_package(old)
    assert report.ok, report.findings
    assert Trust.of(own).open(old).contract.limits.speed_m_s == 1.0


def test_the_default_contracts_pass_without_a_warning(tmp_path, contracts):
    from kata.skills.contract.package import write_package

    for name, contract in contracts.items():
        report = audit_package(write_package(tmp_path, contract, scripted(name)))
        assert {each.severity for each in report.findings} <= {"note"}, report.findings


def test_a_report_is_plain_data_and_takes_more_findings(plain):
    from kata.skills.library.audit import AuditFinding

    report = audit_package(plain)
    more = report.with_findings([AuditFinding("error", "speed", "", "faster than it says")])
    assert report.ok
    assert not more.ok
    assert json.loads(json.dumps(more.to_data()))["findings"][0]["severity"] == "error"
    assert more.with_findings(more.findings).findings == more.findings
