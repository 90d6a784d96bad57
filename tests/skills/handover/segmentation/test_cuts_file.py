"""The cuts file: what is written is read back, and what is wrong in it is said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import DatasetError, UnknownNameError
from kata.skills.handover.segmentation.cuts_file import (
    Cuts,
    Episode,
    Span,
    check_dataset,
    cuts_text,
    parse_cuts,
)

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True) | st.sampled_from(["on", "no", "y"])
VALUES = NAMES | st.sampled_from(["red_cube", "0.25", "-3", "1e5", "table@0.45,0.1,0.02"])


@st.composite
def cuts(draw: st.DrawFn) -> Cuts:
    skills = draw(st.dictionaries(NAMES, st.lists(NAMES, unique=True, max_size=3), max_size=4))
    parameters = {name: tuple(names) for name, names in skills.items()}
    episodes = []
    for index in draw(st.lists(st.integers(0, 500), unique=True, max_size=4)):
        frames = draw(st.integers(8, 300))
        inside = st.lists(st.integers(1, frames - 1), unique=True, max_size=6)
        edges = sorted(draw(inside)) if parameters else []
        spans = []
        for start, stop in zip(edges[::2], edges[1::2], strict=False):
            skill = draw(st.sampled_from(sorted(parameters)))
            arguments = {name: draw(VALUES) for name in parameters[skill]}
            sure = draw(st.integers(0, 100)) / 100.0
            spans.append(
                Span(start, stop, skill, arguments, draw(st.sampled_from(["", "left"])), sure)
            )
        episodes.append(Episode(index, frames, tuple(sorted(draw(inside))), tuple(spans)))
    path = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
    return Cuts(path, draw(NAMES), draw(st.integers(1, 100)), parameters, tuple(episodes), "00ab")


@settings(max_examples=40)
@given(cuts())
def test_what_is_written_is_read_back(made: Cuts) -> None:
    again = parse_cuts(cuts_text(made))
    assert again == made
    assert cuts_text(again) == cuts_text(made)
    assert again.digest() == made.digest()


@settings(max_examples=40)
@given(cuts())
def test_cuts_are_corrected_once_they_differ_from_what_was_found(made: Cuts) -> None:
    sealed = parse_cuts(cuts_text(made.sealed()))
    assert not sealed.corrected
    for episode in sealed.episodes:
        if episode.spans:
            first = episode.spans[0]
            text = f"from: {first.start}, to: {first.stop}"
            other = f"from: {first.start}, to: {first.stop - 1}"
            if first.stop - first.start > 1:
                changed = cuts_text(sealed).replace(text, other)
                assert parse_cuts(changed).corrected


MADE = Cuts(
    "/demos",
    "abcdef",
    20,
    {"pick": ("object",), "place": ("object", "surface")},
    (
        Episode(
            3,
            200,
            (50, 120),
            (
                Span(0, 60, "pick", {"object": "red_cube"}),
                Span(60, 120, "place", {"object": "red_cube", "surface": "shelf"}, sure=0.5),
            ),
        ),
    ),
)


def wrong(old: str, new: str) -> str:
    text = cuts_text(MADE)
    assert old in text
    with pytest.raises((DatasetError, UnknownNameError)) as caught:
        parse_cuts(text.replace(old, new))
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("from: 60", "from: 40", "segments overlap"),
        ("to: 120", "to: 220", "a segment out of range"),
        ("to: 120", "to: 60", "a segment out of range"),
        ("to: 120", "to: many", "not a number of frames"),
        ("skill: place", "skill: plaec", "place"),
        ("surface: shelf}", "surfaec: shelf}", "arguments that 'place' does not take"),
        ("surface: shelf}", 'surface: "<b>"}', "an argument"),
        ("place: [object, surface]", "place: [object, surface, object]", "parameters"),
        ("phases: [50, 120]", "phases: [120, 50]", "phases"),
        ("phases: [50, 120]", "phases: 50", "not a list"),
        ("sure: 0.50", "sure: 7", "sure"),
        ("format: 1", "format: 9", "cuts of an unknown format"),
        ("  frames: 200\n", "", "fields do not fit"),
        ("fps: 20", "fps: 20\nfsp: 20", "fields do not fit"),
        ("episodes:", "episodes: {", "not YAML"),
    ],
)
def test_what_is_wrong_is_said(old: str, new: str, said: str) -> None:
    assert said in wrong(old, new)


def test_an_overlap_names_both_segments() -> None:
    text = wrong("from: 60", "from: 40")
    assert "episode 3" in text
    assert "pick 0 to 60, place 40 to 120" in text


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_other_files_are_refused(content: bytes | str) -> None:
    with pytest.raises((DatasetError, UnknownNameError)):
        parse_cuts(content)


def test_an_episode_twice_is_refused() -> None:
    text = cuts_text(MADE)
    episode = text[text.index("- episode: 3") :]
    with pytest.raises(DatasetError, match="there twice"):
        parse_cuts(text + episode)


class FakeDataset:
    """The few things of a dataset that cuts are held against."""

    def __init__(self, content: str = "abcdef", frames: int = 200) -> None:
        self.content_hash, self.root = content, "/demos"
        self.entities: tuple[str, ...] = ("red_cube", "shelf")
        self.schema = type("Schema", (), {"hands": ("hand",)})()
        info = type("Info", (), {"index": 3, "start": 10, "stop": 10 + frames})()
        self.episodes: tuple[object, ...] = (info,)
        self.unused = np.zeros(0)


def test_cuts_are_held_against_their_dataset() -> None:
    check_dataset(MADE, FakeDataset())  # type: ignore[arg-type]
    for other, said in [
        (FakeDataset("012345"), "cuts of another dataset"),
        (FakeDataset(frames=199), "an episode of another length"),
    ]:
        with pytest.raises(DatasetError, match=said):
            check_dataset(MADE, other)  # type: ignore[arg-type]
    strange = FakeDataset()
    strange.entities = ("red_cube", "shlf")
    with pytest.raises(UnknownNameError, match="shlf"):
        check_dataset(MADE, strange)  # type: ignore[arg-type]
    none = FakeDataset()
    none.episodes = ()
    with pytest.raises(DatasetError, match="no such episode"):
        check_dataset(MADE, none)  # type: ignore[arg-type]
