"""Every error says what, where, expected, got and what to do, and survives a process border."""

import pickle

import pytest

from kata.datasets import types
from kata.datasets.types import KataError, MissingDependencyError, SpecError, UnknownNameError

KINDS = sorted(
    (
        kind
        for name in types.__all__
        if isinstance(kind := getattr(types, name), type)
        and issubclass(kind, KataError)
        and kind not in (UnknownNameError, MissingDependencyError)
    ),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", KINDS)
def test_message_has_all_parts_in_order(kind):
    error = kind("wrong shape", where="action", expected="(8,)", got="(7,)", hint="add the gripper")
    assert str(error) == (
        "wrong shape (in action)\n  expected: (8,)\n  got:      (7,)\n  do:       add the gripper"
    )
    assert str(kind("wrong shape")) == "wrong shape"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            UnknownNameError("skill", "pik", ["place", "pick", "push"], where="the library"),
            (
                "unknown skill 'pik' (in the library)\n"
                "  expected: one of pick, place, push\n"
                "  got:      'pik'\n"
                "  do:       did you mean 'pick'?"
            ),
        ),
        (
            UnknownNameError("robot", "zzz", ["panda"]),
            "unknown robot 'zzz'\n  expected: one of panda\n  got:      'zzz'",
        ),
        (
            UnknownNameError("skill", "pick", []),
            "unknown skill 'pick'\n  expected: a known skill (there is none)\n  got:      'pick'",
        ),
        (
            MissingDependencyError("lerobot", "lerobot", purpose="reading a LeRobot dataset"),
            (
                "reading a LeRobot dataset needs the package 'lerobot'\n"
                "  do:       pip install 'kata-robotics[lerobot]'"
            ),
        ),
    ],
)
def test_message_snapshots(error, message):
    assert str(error) == message


@pytest.mark.parametrize(
    "error",
    [
        *(kind("what", where="where", expected="this", got="that", hint="do") for kind in KINDS),
        UnknownNameError("skill", "pik", ["pick"]),
        MissingDependencyError("ray", "ray", purpose="many rollouts"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling(error):
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert (again.what, again.where, again.hint) == (error.what, error.where, error.hint)


def test_unknown_names_are_key_errors_so_that_mappings_work():
    with pytest.raises(KeyError):
        raise UnknownNameError("key", "a", ["b"])
    with pytest.raises(KataError):
        raise UnknownNameError("key", "a", ["b"])
    assert issubclass(SpecError, KataError)
