"""An advisor learns what was said in moments like this one, says it once, and is safe to open."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import DatasetError, PackageError
from kata.policies.advisor import WIDTH, AdvisorNetwork, train_network
from kata.skills.contract.call import Call
from kata.skills.execution.advisor import AGAIN_S, Advisor, Learned, Report, learn
from kata.skills.execution.advisor_storage import CARD, WEIGHTS, load_advisor, save_advisor
from kata.skills.execution.correcting import Advice, Conversation, moment_data
from kata.skills.execution.moments import HISTORY, Moment, Vocabulary, examples_of
from kata.skills.testing import FakeWorld
from kata.skills.testing.fake_skills import CONTRACTS

PICK = Call(CONTRACTS["pick"], ("red_cube",))
RIGHT = "target moved by (0, -0.03, 0) m"
LOWER = "target moved by (0, 0, -0.02) m"


def moment(time_s, text="", meaning="", *, height=0.3, left=0.0, call="pick(red_cube)", **more):
    return Moment(
        time_s, call, time_s, frozenset({"reachable(red_cube)"}), (0.5, left, height, 1, 0, 0, 0),
        ((0.5, 0.0, 0.02, 1, 0, 0, 0),), text, meaning, **more,
    )  # fmt: skip


def said_when_left(count=20):
    """Runs in which `3 cm to the right` is said exactly if the tool comes down on the left."""
    draw = np.random.default_rng(0)
    runs = []
    for index in range(count):
        left = 0.03 * (index % 2) + draw.normal(0.0, 0.002)
        run = [moment(0.0, left=left / 3), moment(1.0, height=0.2, left=left / 2)]
        text = ("3 cm to the right", RIGHT) if index % 2 else ()
        runs.append([*run, moment(2.5, *text, height=0.1, left=left), moment(3.5, left=0.0)])
    return runs


@pytest.fixture(scope="module")
def taught():
    runs = said_when_left()
    return learn(runs, [False] * 10 + [True] * 10, 0)


def test_a_vocabulary_keeps_what_was_understood_in_its_usual_words():
    said = ["to the right", "3 cm to the right", "3 cm to the right"]
    moments = [moment(t, text, RIGHT) for t, text in enumerate(said)]
    moments += [moment(4.0, "stop", "stop"), moment(5.0, "a sandwich", ""), moment(6.0)]
    moments += [moment(7.0, "lower", LOWER, advised=True)]
    found = Vocabulary.of(moments)
    assert found.commands == ((RIGHT, "3 cm to the right"),)
    assert found.skills == ("pick",)
    assert found.features([moments[0]], []).shape == (found.size,)


def test_features_tell_the_past_of_the_call_and_what_was_said_in_it():
    words = Vocabulary.of([moment(0.0, "3 cm to the right", RIGHT)])
    one = words.features([moment(0.0, left=0.1)], [])
    moved = words.features([moment(0.0, left=0.1), moment(1.0)], [])
    assert not np.array_equal(moved, words.features([moment(1.0)], []))
    assert one[-1] == 0.0
    assert words.features([moment(0.0, left=0.1)], [RIGHT])[-1] == 1.0
    long = [moment(float(t), left=0.01 * t) for t in range(HISTORY + 3)]
    assert np.array_equal(words.features(long, []), words.features(long[-HISTORY:], []))


def test_just_before_a_correction_silence_is_no_example():
    run = [moment(0.0), moment(1.5), moment(1.8, "3 cm to the right", RIGHT), moment(2.2)]
    words = Vocabulary.of(run)
    assert examples_of([run], words).labels.tolist() == [0, 1, 0]
    not_understood = [*run, moment(4.0, "a sandwich")]
    assert examples_of([not_understood], words).labels.tolist() == [0, 1, 0]


def test_what_an_advisor_said_is_no_example_but_is_known():
    run = [moment(0.0), moment(1.8, "3 cm to the right", RIGHT), moment(2.2)]
    words = Vocabulary.of(run)
    advised = [run[0], replace(run[1], advised=True), run[2]]
    found = examples_of([advised], words)
    assert found.labels.tolist() == [0, 0]
    assert found.features[:, -1].tolist() == [0.0, 1.0]


def test_another_call_begins_anew():
    run = [moment(0.0, "3 cm to the right", RIGHT), moment(3.0, call="place(red_cube, bin)")]
    found = examples_of([run], Vocabulary.of(run))
    assert found.features[:, -1].tolist() == [0.0, 0.0]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1.0, 1.0), min_size=7, max_size=7), st.booleans())
def test_a_moment_is_read_back_from_its_line(tool, advised):
    heard = replace(
        moment_data(FakeWorld().observe(), FakeWorld().facts(), PICK, 1.0, 0.5),
        tool=tuple(tool), text="lower", meaning=LOWER, advised=advised,
    )  # fmt: skip
    found = Moment.of_data(json.loads(json.dumps(heard.to_data())))
    assert (found.tool, found.text, found.meaning) == (tuple(tool), "lower", LOWER)
    assert found.advised == advised
    assert found.facts == frozenset(heard.facts)


@pytest.mark.parametrize(
    "change",
    [{"tool": [0.0] * 6}, {"tool": [float("nan")] * 7}, {"things": [[1.0]]}, {"age_s": "x"},
     {"facts": 3}, {"time_s": None}],
)  # fmt: skip
def test_a_line_of_another_form_is_refused(change):
    world = FakeWorld()
    data = moment_data(world.observe(), world.facts(), PICK, 1.0, 0.5).to_data()
    with pytest.raises(DatasetError, match="not a moment"):
        Moment.of_data({**data, **change})
    del data["tool"]
    with pytest.raises(DatasetError, match="not a moment"):
        Moment.of_data(data)


def sides(seed=0, rare=200):
    """Points (N, 2): class 1 right of 0.5, one in `rare` of them or fewer; class 2 is never."""
    draw = np.random.default_rng(seed)
    features = draw.uniform(-0.5, 0.4, (1000, 2))
    features[::rare, 0] += 1.1
    labels = (features[:, 0] > 0.5).astype(np.int64)
    return features, labels


def test_a_rare_class_is_learned_as_well_as_the_common_one():
    features, labels = sides()
    network = train_network(features, labels, np.zeros(1000, dtype=bool), 2, 200, 0)
    fresh, expected = sides(1, rare=3)
    found = network.chances(fresh)
    assert np.allclose(found.sum(axis=1), 1.0)
    right = found.argmax(axis=1) == expected
    assert right[expected == 1].mean() > 0.95
    assert right[expected == 0].mean() > 0.95


def test_equal_seeds_give_equal_weights_and_others_do_not():
    features, labels = sides()
    newest = np.arange(1000) > 500
    a, b, c = (train_network(features, labels, newest, 2, 20, seed) for seed in (0, 0, 1))
    assert np.array_equal(a.hidden, b.hidden)
    assert np.array_equal(a.out, b.out)
    assert not np.array_equal(a.hidden, c.hidden)


def test_the_newest_corrections_weigh_more():
    """The same moment, once answered by 1 in old runs and by 2 in the newest."""
    features = np.concatenate([np.ones((40, 1)), np.zeros((60, 1))])
    labels = np.array([1] * 20 + [2] * 20 + [0] * 60)
    newest, none = np.arange(100) // 20 == 1, np.zeros(100, dtype=bool)
    with_, without = (train_network(features, labels, n, 3, 200, 0) for n in (newest, none))
    asked = np.ones((1, 1))
    assert with_.chances(asked)[0, 2] > without.chances(asked)[0, 2] + 0.03


def test_nothing_to_tell_apart_is_told():
    with pytest.raises(DatasetError, match="nothing to tell apart"):
        train_network(
            np.ones((4, 2)), np.zeros(4, dtype=np.int64), np.zeros(4, dtype=bool), 2, 5, 0
        )


def test_learning_finds_the_rule_and_tells_how_well(taught):
    learned, report = taught
    assert report.corrections == 10
    assert report.hits == 1.0
    assert report.false_alarms == 0.0
    words = learned.vocabulary

    def chance(run):
        return learned.network.chances(words.features(run, [])[None])[0, 1]

    for run in said_when_left(6):
        spoken = bool(run[2].text)
        assert (chance(run[:3]) >= learned.threshold) == spoken


@pytest.mark.parametrize("runs", [[], said_when_left(4), [[moment(0.0)]] * 9,
                                  [[moment(0.0, "stop", "stop")]] * 9])  # fmt: skip
def test_too_little_to_learn_from_is_told(runs):
    with pytest.raises(DatasetError, match="nothing to learn from"):
        learn(runs, [False] * len(runs), 0)


def sure(chance=0.9, threshold=0.5, commands=((RIGHT, "3 cm to the right"),)):
    """An advisor that always wants to say the first command, with this chance."""
    words = Vocabulary((), ("pick",), commands)
    size, classes = words.size, len(commands) + 1
    rest = (1.0 - chance) / (classes - 1)
    bias = np.log([rest, chance, *[rest] * (classes - 2)])
    network = AdvisorNetwork(
        np.zeros(size), np.ones(size), np.zeros((size, WIDTH)), np.zeros(WIDTH),
        np.zeros((WIDTH, classes)), bias,
    )  # fmt: skip
    return Learned(words, network, threshold)


def listen(learned, times, call=PICK):
    world, advisor = FakeWorld(), Advisor(learned)
    observation, facts = world.observe(), world.facts()
    return [list(advisor.says(replace(observation, time_s=t), facts, call)) for t in times]


def test_an_advisor_says_a_thing_once_a_call():
    heard = listen(sure(), np.arange(0.0, 5.0, 0.05))
    assert [texts for texts in heard if texts] == [["3 cm to the right"]]
    world, advisor = FakeWorld(), Advisor(sure())
    observation, facts = world.observe(), world.facts()
    calls = [PICK, PICK, None, PICK]
    said = [
        len(advisor.says(replace(observation, time_s=float(t)), facts, call))
        for t, call in enumerate(calls)
    ]
    assert said == [1, 0, 0, 1]


def test_it_waits_for_what_it_said_to_show():
    """The weights want the first thing until it has been said, and then the second."""
    learned = sure(0.6, commands=((RIGHT, "3 cm to the right"), (LOWER, "lower")))
    hidden, out = learned.network.hidden.copy(), learned.network.out.copy()
    hidden[-2, 0], out[0, 2] = 1.0, 9.0
    learned = replace(learned, network=replace(learned.network, hidden=hidden, out=out))
    times = np.arange(0.0, 3.0, 0.05)
    heard = [(t, texts[0]) for t, texts in zip(times, listen(learned, times), strict=True) if texts]
    assert [text for _, text in heard] == ["3 cm to the right", "lower"]
    assert heard[1][0] - heard[0][0] >= AGAIN_S - 1e-9


def test_it_is_silent_between_calls_and_below_its_threshold():
    times = np.arange(0.0, 3.0, 0.25)
    assert not any(listen(sure(), times, call=None))
    assert not any(listen(sure(chance=0.4), times))
    assert any(listen(sure(chance=0.4, threshold=0.3), times))


def test_what_it_says_is_logged_as_advice():
    told = []

    class Executor:
        def correct(self, correction, text):
            told.append(text)

    world = FakeWorld()
    talk = Conversation(Advisor(sure()), Executor())
    talk.listen(world.observe(), world.facts(), PICK, 0.0)
    assert told == ["3 cm to the right"]
    assert isinstance(told[0], Advice)
    assert [(heard.text, heard.advised) for heard in talk.heard] == [("3 cm to the right", True)]
    assert talk.heard[0].to_data()["advised"] is True


@pytest.fixture
def saved(taught, tmp_path):
    save_advisor(tmp_path / "advisor", *taught)
    return tmp_path / "advisor"


def test_an_advisor_is_read_back_to_the_bit_of_float32(taught, saved):
    learned, _ = taught
    found = load_advisor(saved)
    assert found.vocabulary == learned.vocabulary
    assert found.threshold == learned.threshold
    for name in ("mean", "scale", "hidden", "bias", "out", "out_bias"):
        expected = getattr(learned.network, name).astype(np.float32)
        assert np.array_equal(getattr(found.network, name).astype(np.float32), expected)
    save_advisor(saved.parent / "again", found, Report(0, 0, 0.0, 0.0))
    assert (saved.parent / "again" / WEIGHTS).read_bytes() == (saved / WEIGHTS).read_bytes()


def change_card(folder, **changes):
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, **changes}))


@pytest.mark.parametrize(
    "changes",
    [{"format": 2}, {"weights": "0" * 64}, {"threshold": 1.5}, {"threshold": "high"},
     {"threshold": float("nan")}, {"facts": []}, {"facts": ["a"] * 6000}, {"facts": [1]},
     {"skills": "pick"}, {"commands": [["a", "b", "c"]]}, {"commands": [["x" * 300, "b"]]},
     {"commands": None}],
)  # fmt: skip
def test_a_card_that_does_not_fit_is_refused(saved, changes):
    change_card(saved, **changes)
    with pytest.raises(PackageError, match="not an advisor"):
        load_advisor(saved)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{" * 90_000, '{"format": 1}'])
def test_a_card_that_is_none_is_refused(saved, text):
    (saved / CARD).write_text(text)
    with pytest.raises(PackageError, match="not an advisor"):
        load_advisor(saved)


def test_weights_that_were_changed_are_refused(saved):
    content = bytearray((saved / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (saved / WEIGHTS).write_bytes(content)
    with pytest.raises(PackageError, match="weights that were changed"):
        load_advisor(saved)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [("out", lambda a: a * np.nan), ("scale", lambda a: a * 0), ("mean", lambda a: a[1:]),
     ("hidden", lambda a: a[:, 1:])],
)  # fmt: skip
def test_weights_that_are_no_weights_are_refused(taught, tmp_path, name, spoil):
    learned, report = taught
    network = replace(learned.network, **{name: spoil(getattr(learned.network, name))})
    save_advisor(tmp_path, replace(learned, network=network), report)
    with pytest.raises(PackageError, match="not an advisor"):
        load_advisor(tmp_path)


@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_links_and_missing_and_huge_files_are_refused(saved, name):
    real = saved / name
    real.rename(saved / "elsewhere")
    with pytest.raises(PackageError, match="no advisor there"):
        load_advisor(saved)
    real.symlink_to(saved / "elsewhere")
    with pytest.raises(PackageError, match="unsafe advisor"):
        load_advisor(saved)
    real.unlink()
    real.write_bytes(bytes((8 << 20) + 1))
    with pytest.raises(PackageError, match="unsafe advisor"):
        load_advisor(saved)
