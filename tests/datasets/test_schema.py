"""The data page, the columns, and what does not fit them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.lerobot_format import features
from kata.datasets.schema import (
    COLUMNS,
    Schema,
    data_page_table,
    foreign_schema,
)
from kata.datasets.testing import FAKE_ENTITIES, fake_frames, fake_robot, fake_table
from kata.datasets.types import DatasetError, SpecError
from kata.datasets.types.arguments import arguments_text, parse_arguments

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,9}", fullmatch=True)


def make(**changes: object) -> Schema:
    """The schema of `fake_frames`, changed."""
    return replace(Schema.of(fake_robot(), fake_table(), FAKE_ENTITIES), **changes)


def test_the_data_page_shows_the_columns_of_the_code() -> None:
    assert data_page_table() in PAGE.read_text()


def test_no_key_is_named_twice_or_illegal_for_lerobot() -> None:
    keys = [column.key for column in COLUMNS]
    assert len(set(keys)) == len(keys)
    assert not [key for key in keys if "/" in key]


def test_the_columns_of_the_first_day_are_all_there() -> None:
    wanted = "episode_uuid parent_uuid parent_frame skill arguments phase facts facts_margin "
    wanted += "source intervention discarded success"
    assert set(wanted.split()) <= {column.key for column in COLUMNS}


def test_a_frame_becomes_a_row_of_the_specification() -> None:
    schema = Schema.of(fake_robot(), fake_table(), FAKE_ENTITIES, cameras={"front": (8, 8)})
    row = schema.row(fake_frames(1, cameras=schema.cameras)[0])
    for key, spec in schema.frame_arrays:
        if spec.shape != (1,):
            spec.check(key, row[key])
    assert row["observation.images.front"].shape == (8, 8, 3)
    assert row["arguments"] == "object=red_cube"
    assert row["task"] == "pick(red_cube)"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"action": np.zeros(7)}, "action"),
        ({"action_tool": np.zeros(7)}, "action.tool"),
        ({"executed": np.zeros((8, 1))}, "executed"),
    ],
)
def test_a_frame_of_another_shape_is_named(change: dict[str, object], word: str) -> None:
    with pytest.raises(SpecError, match=word):
        make().row(replace(fake_frames(1)[0], **change))


def test_a_frame_of_another_scene_or_camera_is_named() -> None:
    frame = fake_frames(1)[0]
    with pytest.raises(SpecError, match="entities"):
        make(entities=("red_cube",)).row(frame)
    with pytest.raises(SpecError, match="atoms"):
        make(atoms=fake_table().atoms[1:]).row(frame)
    with pytest.raises(SpecError, match="hands"):
        make(hands=("left", "right")).row(frame)
    with pytest.raises(SpecError, match="camera 'front'"):
        make(cameras={"front": (8, 8)}).row(frame)


def test_a_camera_of_odd_size_is_refused() -> None:
    with pytest.raises(SpecError, match="even"):
        Schema.of(fake_robot(), fake_table(), FAKE_ENTITIES, cameras={"front": (97, 96)})


def test_a_schema_survives_json_and_lerobots_features() -> None:
    schema = make(cameras={"front": (8, 10)})
    assert Schema.from_json(schema.to_json()) == schema
    foreign = foreign_schema(features(schema), "fake", 20)
    assert foreign == replace(schema, fingerprint="", openings=(), types={})


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"robot": "other"}, "another robot"),
        ({"fingerprint": "0123"}, "another version of the robot"),
        ({"fps": 30}, "another rate"),
        ({"entities": ("red_cube",)}, "another scene"),
        ({"cameras": {"front": (8, 8)}}, "another set of cameras"),
        ({"atoms": fake_table().atoms[1:]}, "another scene"),
    ],
)
def test_what_differs_between_datasets_is_named(change: dict[str, object], word: str) -> None:
    with pytest.raises(DatasetError, match=word) as caught:
        make().check_same(make(**change), where="here")
    assert caught.value.expected != caught.value.got


@pytest.mark.parametrize("data", [{}, {"format": 2}, {"format": 1, "robot": "x"}])
def test_a_schema_of_another_form_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(DatasetError):
        Schema.from_json(data)


@given(st.dictionaries(NAMES, NAMES, max_size=4))
def test_arguments_survive_their_text_in_order(arguments: dict[str, str]) -> None:
    again = parse_arguments(arguments_text(arguments))
    assert list(again.items()) == list(arguments.items())


def test_text_that_is_no_arguments_is_refused() -> None:
    with pytest.raises(DatasetError, match="red_cube"):
        parse_arguments("red_cube")
