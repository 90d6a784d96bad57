"""Each fault of a dataset is named where it is, and a clean one has the full score."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kata.datasets.dataset import Dataset
from kata.datasets.quality.check import check, check_open
from kata.datasets.quality.faults import KINDS
from kata.datasets.testing import fake_frames, fake_recorder, fake_robot
from kata.datasets.types import DatasetError, Outcome
from kata.datasets.video import VideoEncoder

EPISODES, FRAMES, BAD = 10, 40, 6
CAMERA = {"front": (64, 64)}
KEY = "observation.images.front"
STATE, ACTION, EXECUTED = "observation.state", "action", "executed"
Columns = dict[str, Any]
Corrupt = Callable[[Path], None]


def record(
    root: Path,
    lengths: Mapping[int, int] | None = None,
    left_out: slice | None = None,
    skills: tuple[str, ...] = ("pick", "place"),
    episodes: int = EPISODES,
) -> None:
    """A dataset with a camera; episode `BAD` may have another length, or lose some frames."""
    with fake_recorder(root, cameras=CAMERA) as recorder:
        for number in range(episodes):
            count = (lengths or {}).get(number, FRAMES)
            skill = skills[number % len(skills)]
            frames = fake_frames(count, number, skill=skill, cameras=CAMERA)
            if number == BAD and left_out:
                del frames[left_out]
            for frame in frames:
                recorder.add(frame)
            recorder.save_episode(Outcome(True, "achieved", seed=number))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clean") / "data"
    record(root)
    return root


def data_file(root: Path, episode: int = BAD) -> Path:
    return root / f"data/chunk-000/file-{episode:03d}.parquet"


def video_file(root: Path, episode: int = BAD) -> Path:
    return root / f"videos/{KEY}/chunk-000/file-{episode:03d}.mp4"


def edit(root: Path, change: Callable[[Columns], None], *episodes: int) -> None:
    """Change columns of some episodes, as arrays (F, W) or lists of text."""
    for episode in episodes or (BAD,):
        path = data_file(root, episode)
        table = pq.read_table(path, partitioning=None)
        columns: Columns = {}
        for name in table.column_names:
            values = table[name].to_pylist()
            text = pa.types.is_string(table.schema.field(name).type)
            columns[name] = values if text else np.array(values)
        change(columns)
        arrays = [
            pa.array(v if isinstance(v, list) else v.tolist(), f.type)
            for f, v in zip(table.schema, columns.values(), strict=True)
        ]
        pq.write_table(pa.table(arrays, schema=table.schema), path)


def edit_json(root: Path, name: str, **values: Any) -> None:
    path = root / "meta" / name
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def at(key: str, where: Any, value: Callable[[Any], Any]) -> Corrupt:
    """Corrupts a part of a column of episode `BAD`."""

    def change(columns: Columns) -> None:
        columns[key][where] = value(columns[key][where])

    return lambda root: edit(root, change)


def everywhere(change: Callable[[Columns], None]) -> Corrupt:
    return lambda root: edit(root, change, *range(EPISODES))


def film(root: Path, count: int, picture: Callable[[int], Any]) -> None:
    encoder = VideoEncoder(64, 64, 20)
    for i in range(count):
        encoder.add(np.asarray(picture(i), dtype=np.uint8))
    encoder.close()
    video_file(root).write_bytes(encoder.bytes())


def pictures(root: Path) -> Any:
    return Dataset.open(root).images("front", BAD)


def black(root: Path) -> None:
    seen = pictures(root)
    film(root, FRAMES, lambda i: seen[i] * (not 12 <= i < 20))


def freeze(root: Path) -> None:
    seen = pictures(root)
    film(root, FRAMES, lambda i: seen[12 if 12 < i < 30 else i])


def repeat(columns: Columns) -> None:
    for key in (STATE, "observation.velocity", ACTION, EXECUTED):
        columns[key][20:24] = columns[key][19]


def double(columns: Columns) -> None:
    for key in (STATE, "observation.velocity", ACTION, EXECUTED):
        columns[key][1::2] = columns[key][::2]


def delay(columns: Columns) -> None:
    for key in (ACTION, EXECUTED):
        columns[key][:-5] = columns[key][5:].copy()


def in_degrees(columns: Columns) -> None:
    for key in (STATE, ACTION, EXECUTED):
        columns[key][:, :7] = np.degrees(columns[key][:, :7])


def unlabel(columns: Columns) -> None:
    columns["skill"][25:] = [""] * 15


def misname(columns: Columns) -> None:
    columns["arguments"][:] = ["object=green_cube"] * len(columns["arguments"])


def wave(columns: Columns) -> None:
    columns[ACTION][8:33, 2] = 3.0


def duplicate(root: Path) -> None:
    source = pq.read_table(data_file(root, 2), partitioning=None)

    def change(columns: Columns) -> None:
        for key in (STATE, ACTION, EXECUTED, "observation.environment_state"):
            columns[key] = np.array(source[key].to_pylist())

    edit(root, change)


def gap(root: Path) -> None:
    shutil.rmtree(root)
    record(root, {BAD: 45}, slice(20, 25))
    at("timestamp", slice(20, None), lambda t: t + 5 / 20)(root)


def jump(root: Path) -> None:
    shutil.rmtree(root)
    record(root, {BAD: 48}, slice(16, 24))


def shorten(root: Path) -> None:
    path = data_file(root)
    pq.write_table(pq.read_table(path, partitioning=None).slice(0, 37), path)


def outlier(root: Path) -> None:
    shutil.rmtree(root)
    record(root, {BAD: 400}, skills=("pick",), episodes=12)


def unbalance(root: Path) -> None:
    shutil.rmtree(root)
    record(root, skills=("pick",) * 11 + ("open",), episodes=12)


def cut(path: Callable[[Path], Path]) -> Corrupt:
    def change(root: Path) -> None:
        whole = path(root).read_bytes()
        path(root).write_bytes(whole[: len(whole) // 2])

    return change


@dataclass(frozen=True)
class Case:
    """A corruption, and the fault that must be named for it."""

    corrupt: Corrupt
    kind: str
    episode: int = BAD
    frame: int = 0
    key: str = ""


CASES = {
    "truncated data file": Case(cut(data_file), "corrupt_file"),
    "lost data file": Case(lambda root: data_file(root).unlink(), "missing_file"),
    "frames missing at the end": Case(shorten, "counts_disagree", frame=37),
    "wrong totals": Case(
        lambda root: edit_json(root, "info.json", total_episodes=3), "totals_disagree", -1, -1
    ),
    "frames left out": Case(
        at("frame_index", slice(20, None), lambda i: i + 3),
        "missing_frames", BAD, 20, "frame_index",
    ),
    "gap in time": Case(gap, "time_gap", BAD, 20, "timestamp"),
    "clock leaps": Case(
        at("timestamp", slice(20, None), lambda t: t + 10), "clock_jump", BAD, 20, "timestamp"
    ),
    "clock goes back": Case(
        at("timestamp", 15, lambda t: t - 0.2), "time_backwards", BAD, 15, "timestamp"
    ),
    "wrong rate": Case(
        everywhere(lambda c: c.update(timestamp=c["timestamp"] * 2)),
        "wrong_rate", -1, -1, "timestamp",
    ),
    "NaN": Case(at(STATE, (17, 3), lambda _: np.nan), "not_a_number", BAD, 17, STATE),
    "infinite": Case(at(ACTION, (31, 1), lambda _: -np.inf), "not_a_number", BAD, 31, ACTION),
    "frozen state": Case(
        at(STATE, slice(10, 22), lambda s: np.repeat(s[:1], len(s), 0)), "frozen_state", BAD, 11,
        STATE,
    ),
    "repeated frames": Case(lambda root: edit(root, repeat), "repeated_frames", BAD, 20),
    "every frame twice": Case(lambda root: edit(root, double), "repeated_frames", BAD, 5),
    "state leaps": Case(jump, "state_jump", BAD, 16, STATE),
    "saturated action": Case(lambda root: edit(root, wave), "saturated_action", BAD, 8, ACTION),
    "degrees": Case(everywhere(in_degrees), "wrong_units", 0, 0, STATE),
    "millimetres": Case(
        everywhere(lambda c: c["observation.tool_pose"].__imul__([1e3] * 3 + [1] * 4)),
        "wrong_units", 0, 0, "observation.tool_pose",
    ),
    "outside the limits": Case(
        at(STATE, (slice(12, 18), 0), lambda s: s + 4), "outside_limits", BAD, 12, STATE
    ),
    "long quaternion": Case(
        at("observation.tool_pose", (slice(5, 9), slice(3, 7)), lambda q: q * 2),
        "bad_quaternion", BAD, 5, "observation.tool_pose",
    ),
    "commands of another arm": Case(
        at(EXECUTED, (slice(10, 30), 0), lambda a: -a - 1), "action_misfit", BAD, 10, EXECUTED
    ),
    "late state": Case(lambda root: edit(root, delay), "latency", BAD, 0, EXECUTED),
    "no skill": Case(lambda root: edit(root, unlabel), "unlabelled", BAD, 25, "skill"),
    "unknown object": Case(lambda root: edit(root, misname), "unlabelled", BAD, 0, "arguments"),
    "rare skill": Case(unbalance, "unbalanced_skills", 11, 0, "skill"),
    "no success": Case(
        everywhere(lambda c: c["success"].fill(False)), "no_success", -1, -1, "success"
    ),
    "success in part": Case(
        at("success", slice(30, None), np.logical_not), "mixed_success", BAD, 30, "success"
    ),
    "the same episode twice": Case(duplicate, "duplicate_episode"),
    "very long episode": Case(outlier, "outlier_episode", BAD, -1),
    "no video": Case(lambda root: video_file(root).unlink(), "missing_video", BAD, 0, KEY),
    "truncated video": Case(cut(video_file), "missing_video", BAD, 0, KEY),
    "short video": Case(
        lambda root: film(root, 33, pictures(root).__getitem__), "short_video", BAD, 33, KEY
    ),
    "black camera": Case(black, "black_picture", BAD, 12, KEY),
    "frozen camera": Case(freeze, "frozen_picture", BAD, 13, KEY),
    "another robot": Case(
        lambda root: edit_json(root, "kata.json", fingerprint="0123456789abcdef"),
        "another_robot", -1, -1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_fault_is_named_where_it_is(name: str, clean: Path, tmp_path: Path) -> None:
    case, root = CASES[name], tmp_path / "data"
    shutil.copytree(clean, root)
    case.corrupt(root)
    report = check(root, fake_robot())
    found = {(f.kind, f.episode, f.frame, f.key) for f in report.faults}
    assert (case.kind, case.episode, case.frame, case.key) in found
    if case.episode in (BAD, 11):
        assert {fault.episode for fault in report.faults} == {case.episode}
    assert report.score < 100


def test_every_kind_of_fault_is_tried() -> None:
    assert {case.kind for case in CASES.values()} == set(KINDS)


def test_a_clean_dataset_has_the_full_score(clean: Path) -> None:
    report = check(clean, fake_robot())
    assert (report.score, report.faults, report.unchecked) == (100, (), ())
    assert (report.episodes, report.frames) == (EPISODES, EPISODES * FRAMES)


def test_an_open_dataset_is_checked_without_reading_it_again(clean: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(clean, root)
    CASES["NaN"].corrupt(root)
    dataset = Dataset.open(root)
    dataset.column(STATE)
    data_file(root).unlink()
    assert check_open(dataset, fake_robot(), pictures=False).faults[0].kind == "not_a_number"


def test_episodes_with_more_than_minor_faults_are_to_be_dropped(
    clean: Path, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    shutil.copytree(clean, root)
    CASES["NaN"].corrupt(root)
    report = check(root, fake_robot())
    assert report.drop == (BAD,)
    assert report.without(report.drop).score == 100


def foreign(root: Path) -> None:
    """Take away what only Kata writes, and describe the numbers as LeRobot's own recorder does."""
    (root / "meta/kata.json").unlink()
    info = json.loads((root / "meta/info.json").read_text())
    own = (STATE, ACTION, KEY, "timestamp", "frame_index", "episode_index", "index", "task_index")
    features = {key: info["features"][key] for key in own}
    for key in (STATE, ACTION):
        features[key]["names"] = {"motors": features[key]["names"]}
    features["observation.images.wrist"] = {"dtype": "image", "shape": [8, 8, 3], "names": None}
    edit_json(root, "info.json", features=features, robot_type="so100")


def test_a_foreign_dataset_is_checked_as_far_as_it_goes(clean: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(clean, root)
    foreign(root)
    report = check(root)
    assert (report.score, report.faults) == (100, ())
    assert [note.split(":")[0] for note in report.unchecked] == [
        "observation.images.wrist", "skills", "success", "limits",
    ]  # fmt: skip
    CASES["frozen camera"].corrupt(root)
    CASES["NaN"].corrupt(root)
    found = {(f.kind, f.episode, f.frame) for f in check(root).faults}
    assert {("frozen_picture", BAD, 13), ("not_a_number", BAD, 17)} <= found


def test_a_dataset_without_a_readable_episode_is_refused(clean: Path, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(clean, root)
    for path in root.glob("meta/episodes/*/*.parquet"):
        path.write_bytes(b"PAR1")
    with pytest.raises(DatasetError) as caught:
        check(root)
    assert caught.value.what == "a dataset without a readable episode"


def test_rest_and_coarse_encoders_are_no_repetition(clean: Path, tmp_path: Path) -> None:
    def rest(columns: Columns) -> None:
        for key in (STATE, "observation.velocity", ACTION, EXECUTED):
            columns[key] = np.concatenate([columns[key][:1].repeat(15, 0), columns[key][15:]])
            columns[key][15:] -= columns[key][15] - columns[key][14]
            columns[key] = np.round(columns[key], 2).astype(np.float32)

    root = tmp_path / "data"
    shutil.copytree(clean, root)
    edit(root, rest, *range(EPISODES))
    assert "repeated_frames" not in {fault.kind for fault in check(root, fake_robot()).faults}
