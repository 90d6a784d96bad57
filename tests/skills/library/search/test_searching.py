"""Search: words, kinds of doing, facts, and an index that is a cache of the contracts."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import Condition
from kata.skills.contract.testing_scene import facts_for
from kata.skills.library.search import storage
from kata.skills.library.search.document import contract_key, documents
from kata.skills.library.search.encoder import Encoder
from kata.skills.library.search.feasible import Scene
from kata.skills.library.search.index import SearchIndex
from kata.skills.library.search.lexical import Postings
from kata.skills.library.search.searching import SkillSearch
from kata.skills.library.search.verbs import verbs
from kata.skills.library.search.words import condition_words, passages, terms

WORDS = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=8), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Encoder:
    return Encoder(tmp_path_factory.mktemp("cache") / "vectors.sqlite")


NAMES = (
    *("pick_top", "pick_side", "retrieve_stored", "set_down", "deposit", "swing_open"),
    *("swing_shut", "press_button", "drive_screw", "remove_screw", "wipe", "pour"),
)


@pytest.fixture
def library(written, encoder):
    some = {c.name: c for c in written if c.name in NAMES}
    return SkillSearch(SearchIndex.of(documents(some, encoder)), encoder)


class Counting:
    """An encoder that counts the texts it was asked to keep."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder, self.kept = encoder, Counter()

    def encode(self, texts, *, keep=True):
        self.kept.update(texts if keep else ())
        return self.encoder.encode(texts, keep=keep)


@settings(deadline=None)
@given(documents=WORDS, query=st.lists(st.sampled_from("abcdefgh"), max_size=5))
def test_postings_score_as_the_formula_does(documents, query) -> None:
    scores = Postings.of(documents).scores(query)
    mean = max(sum(map(len, documents)) / len(documents), 1.0)
    for row, words in enumerate(documents):
        expected = 0.0
        for term in query:
            holding = sum(term in other for other in documents)
            often = words.count(term)
            if often:
                rarity = np.log1p((len(documents) - holding + 0.5) / (holding + 0.5))
                length = 0.25 + 0.75 * len(words) / mean
                expected += rarity * often * 2.2 / (often + 1.2 * length)
        assert scores[row] == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("put the plate away", {"stow"}),
        ("take the plate off", {"remove"}),
        ("opening drawers", {"open"}),
        ("the plate", set()),
        ("turn on the lamp", {"switch"}),
    ],
)
def test_verbs_are_found_in_any_form_and_around_what_they_take(text, classes) -> None:
    assert verbs().of(text) == classes


def test_every_frame_of_a_class_is_a_fact_that_there_is() -> None:
    from kata.datasets.types.facts import PREDICATES

    frames = {frame for makes in verbs().frames.values() for frame in makes}
    assert {frame.removeprefix("not ") for frame in frames} <= set(PREDICATES)


def test_a_condition_is_said_in_words() -> None:
    condition = Condition.parse(
        "gripper_empty() and not in(?object, ?box) and (forall ?s: support. on(?object, ?s))"
    )
    said = condition_words(condition)
    assert said == (
        "the hand is empty and not object is in box and for every support object is on s"
    )


def test_the_whole_contract_is_searched(written) -> None:
    text = " ".join(passages(next(c for c in written if c.name == "swing_open")))
    for part in (
        *("swing open", "Open a hinged unit", "fridges, ovens", "get the cupboard door"),
        *("door: hinged", "makes door is open", "stuck: it may be locked"),
    ):
        assert part in text
    assert terms("the opened drawers") == terms("open a drawer")


def test_what_only_the_body_says_finds_the_skill(library) -> None:
    assert library.search("get the milk from the fridge")[0].key == "retrieve_stored"
    assert library.search("tighten the bolts of the flange")[0].key == "drive_screw"


def test_facts_decide_between_skills_that_a_sentence_leaves_open(library, scene) -> None:
    box = {"cup": "object vessel", "unit": "container hinged", "top": "surface"}
    away = library.search("bring me the cup", facts=scene(box, "in(cup, unit); open(unit)"))
    here = library.search("bring me the cup", facts=scene(box, "on(cup, top); upright(cup)"))
    assert away[0].key == "retrieve_stored"
    assert away[0].fit.values == ("cup", "unit")
    assert here[0].key in ("pick_side", "pick_top")
    first = library.search("bring me the cup", facts=scene(box, "in(cup, unit)"), top=9)
    stored = next(hit for hit in first if hit.key == "retrieve_stored")
    assert stored.fit.status == "later"
    assert stored.fit.missing == ("open(unit)",)


def fit(contracts, name, text="", facts=None, **more):
    every = frozenset((p, v) for p in ("holding", "open", "closed") for v in (True, False))
    contract = next(c for c in contracts if c.name == name)
    return Scene(facts or facts_for(**more), text, every).fit(contract)


def test_each_status_is_given_by_the_facts(default_contracts) -> None:
    known = default_contracts
    assert fit(known, "open").status == "now"
    assert fit(known, "place_in").status == "later"
    assert fit(known, "place_in").missing[0] == "holding(red_cube)"
    assert fit(known, "open", true=["open(drawer)"]).status in ("done", "unfit")
    two = replace(known[0], embodiment=replace(known[0].embodiment, arms=2))
    assert Scene(facts_for(), "", frozenset()).fit(two).status == "unfit"
    alien = next(c for c in known if c.name == "press")
    strange = replace(alien, parameters=(replace(alien.parameters[0], type="spaceship"),))
    assert Scene(facts_for(), "", frozenset()).fit(strange).status == "unfit"


def test_the_things_that_are_named_are_what_the_call_is_about(default_contracts) -> None:
    found = fit(default_contracts, "pick", "take the yellow cube")
    assert found.values == ("yellow_cube",)
    assert found.named == 1.0
    every = fit(default_contracts, "stack", "put the green cube on the blue cube")
    assert set(every.values) == {"green_cube", "blue_cube"}


def index_of(contracts, path, encoder):
    by_key = {contract_key(contract): contract for contract in contracts}
    reads = []
    index = storage.refreshed(path, by_key, lambda key: reads.append(key) or by_key[key], encoder)
    return index, reads


def test_an_index_is_read_back_as_it_was_made(written, encoder, tmp_path) -> None:
    path = tmp_path / "new" / storage.FILE
    made, reads = index_of(written[:8], path, encoder)
    again, nothing = index_of(written[:8], path, encoder)
    assert (len(reads), nothing) == (8, [])
    for name in ("vectors", "centres", "doings", "effects", "ends"):
        assert np.array_equal(getattr(made, name), getattr(again, name)), name
    text = "hang up the coat"
    hits = [SkillSearch(index, encoder).search(text) for index in (made, again)]
    assert hits[0] == hits[1]


def test_only_what_is_new_is_read_and_embedded(written, encoder, tmp_path) -> None:
    path = tmp_path / storage.FILE
    index_of(written[:8], path, encoder)
    changed = replace(written[3], summary="Entirely another thing.", version="1.1.0")
    wanted = [*written[:3], changed, *written[4:7], written[10]]
    counting = Counting(encoder)
    index, reads = index_of(wanted, path, counting)
    assert reads == [contract_key(changed), contract_key(written[10])]
    assert set(counting.kept) == {*passages(changed), *passages(written[10])}
    whole, _ = index_of(wanted, tmp_path / "other", encoder)
    assert index.keys == whole.keys
    for name in ("vectors", "centres", "doings", "effects", "ends"):
        assert np.array_equal(getattr(index, name), getattr(whole, name)), name
    assert index.postings.vocabulary == whole.postings.vocabulary


@pytest.mark.parametrize("spoil", ["truncate", "noise", "empty", "stamp", "shape"])
def test_a_file_that_is_no_use_is_made_anew(written, encoder, tmp_path, spoil) -> None:
    from safetensors.numpy import load_file, save_file

    path = tmp_path / storage.FILE
    index_of(written[:5], path, encoder)
    content = path.read_bytes()
    if spoil == "truncate":
        path.write_bytes(content[: len(content) // 2])
    elif spoil == "noise":
        path.write_bytes(b"\xff" * 4096)
    elif spoil == "empty":
        path.write_bytes(b"")
    elif spoil == "stamp":
        save_file(load_file(path), path, metadata={"format": "0"})
    else:
        arrays = load_file(path)
        save_file(arrays | {"ends": arrays["ends"][:-1].copy()}, path, metadata=storage._stamp())
    assert storage.load(path) is None
    index, reads = index_of(written[:5], path, encoder)
    assert len(reads) == len(index) == 5
    assert storage.load(path).keys == index.keys


def test_a_folder_that_cannot_be_written_is_done_without(written, encoder, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    index, _ = index_of(written[:5], tmp_path / "file" / storage.FILE, encoder)
    assert SkillSearch(index, encoder).search("stack the bricks")


def test_no_skills_are_no_index(encoder, tmp_path) -> None:
    assert index_of([], tmp_path / storage.FILE, encoder) == (None, [])


def test_the_command_tells_skills_calls_and_what_comes_first(tmp_path) -> None:
    from kata.launch.cli import main

    out = tmp_path / "run"
    assert main(["library", "search", "shut", "the", "drawer", "top=3", f"out={out}"]) == 0
    result = json.loads((out / "result.json").read_text())
    assert len(result["hits"]) == 3
    hit = next(hit for hit in result["hits"] if hit["name"] == "close")
    assert set(hit) == {
        *("name", "version", "identity", "summary", "score", "status", "call", "missing")
    }
    assert hit["call"] == "close(drawer)"
    assert hit["status"] == "done"
