"""The cuts as a file that a person reads and corrects: `cuts.yaml`.

    episodes:
    - episode: 0
      frames: 215
      phases: [17, 48, 64]
      segments:
      - {from: 0, to: 64, skill: pick, arguments: {object: red_cube}}
      - {from: 64, to: 120, skill: place, arguments: {object: red_cube, surface: shelf}}

Frames are half open, segments need not follow each other without a gap: what lies in none is not
learned from. The file says of which dataset it is, and whether it is as it was found.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import yaml

from kata.datasets.types import DatasetError, UnknownNameError
from kata.datasets.types.arguments import is_name, is_number, is_place
from kata.skills.contract.files import PlainLoader

if TYPE_CHECKING:
    from kata.datasets.dataset import Dataset

FORMAT = 1
NAME = "cuts.yaml"

_SKILL = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_HARD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_TOP = {"format", "data", "content", "fps", "found", "skills", "episodes"}
_EPISODE = {"episode", "frames", "phases", "segments"}
_SPAN = {"from", "to", "skill"}
_SPAN_MORE = {"arguments", "hand", "sure"}
_HEAD = """\
# Where one skill ends and the next begins. Frames are counted from 0; `to` is the first frame that
# is not part of it any more. Correct what is wrong here or in page.html, then: kata segment apply
"""


@dataclass(frozen=True, slots=True)
class Span:
    """Frames `start` to `stop`, half open, of an episode in which a skill is used.

    Attributes:
        arguments: by the skill's parameters, in their order.
        hand: whose doing it is; "" where there is one hand only.
        sure: 0 to 1, how sure its end is.
    """

    start: int
    stop: int
    skill: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    hand: str = ""
    sure: float = 1.0


@dataclass(frozen=True, slots=True)
class Episode:
    """One demonstration; `phases` are frames at which a new phase begins."""

    index: int
    frames: int
    phases: tuple[int, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Cuts:
    """All that the file says.

    Attributes:
        data: folder of the dataset; `content` is its content hash, `fps` its rate.
        skills: the parameters of each skill by its name.
        found: digest of the cuts as they were found; "" where a person made them.
    """

    data: str
    content: str
    fps: int
    skills: Mapping[str, tuple[str, ...]]
    episodes: tuple[Episode, ...]
    found: str = ""

    def digest(self) -> str:
        """Changes with every cut, name and argument, not with where the dataset lies."""
        return hashlib.sha256(_body(self).encode()).hexdigest()[:16]

    def sealed(self) -> Cuts:
        """These cuts as they were found, before anybody has touched them."""
        return replace(self, found=self.digest())

    @property
    def corrected(self) -> bool:
        """Whether somebody has changed them since they were found."""
        return self.found != self.digest()


def cuts_text(cuts: Cuts) -> str:
    """The file; `parse_cuts` reads it back to equal cuts."""
    head = [f"format: {FORMAT}", f"data: {_quoted(cuts.data)}", f"content: {_word(cuts.content)}"]
    head += [f"fps: {cuts.fps}", f"found: {_quoted(cuts.found)}"]
    return _HEAD + "\n".join(head) + "\n" + _body(cuts)


def _body(cuts: Cuts) -> str:
    lines = ["skills:" if cuts.skills else "skills: {}"]
    lines += [
        f"  {_word(name)}: [{', '.join(map(_word, parameters))}]"
        for name, parameters in cuts.skills.items()
    ]
    lines.append("episodes:" if cuts.episodes else "episodes: []")
    for episode in cuts.episodes:
        lines += [
            f"- episode: {episode.index}",
            f"  frames: {episode.frames}",
            f"  phases: [{', '.join(map(str, episode.phases))}]",
            "  segments:" if episode.spans else "  segments: []",
        ]
        lines += [f"  - {_span_text(span)}" for span in episode.spans]
    return "\n".join(lines) + "\n"


def _span_text(span: Span) -> str:
    parts = [f"from: {span.start}", f"to: {span.stop}", f"skill: {_word(span.skill)}"]
    if span.arguments:
        pairs = [f"{_word(name)}: {_word(value)}" for name, value in span.arguments.items()]
        parts.append(f"arguments: {{{', '.join(pairs)}}}")
    if span.hand:
        parts.append(f"hand: {_word(span.hand)}")
    if span.sure < 1.0:
        parts.append(f"sure: {span.sure:.2f}")
    return f"{{{', '.join(parts)}}}"


def _word(text: str) -> str:
    """Text as YAML: bare where it is a word that means nothing else."""
    plain = _PLAIN.fullmatch(text) is not None and text.lower() not in _RESERVED
    return text if plain else _quoted(text)


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _HARD.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def parse_cuts(content: bytes | str, *, where: str = NAME) -> Cuts:
    """Cuts of a file. Raises DatasetError, UnknownNameError that say what is wrong in it."""
    try:
        # A loader that is a subclass of SafeLoader builds plain data only.
        data = yaml.load(content, PlainLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        text = " ".join(str(error).split())[:200]
        raise DatasetError("not YAML", where=where, got=text) from None
    _fields(data, _TOP, set(), where)
    if data["format"] != FORMAT:
        raise DatasetError(
            "cuts of an unknown format",
            where=where,
            expected=f"format: {FORMAT}",
            got=f"format: {data['format']}",
        )
    skills = _skills(data["skills"], where)
    episodes = tuple(_episode(each, skills, where) for each in _listed(data["episodes"], where))
    numbers = [episode.index for episode in episodes]
    if len(set(numbers)) < len(numbers):
        twice = sorted({n for n in numbers if numbers.count(n) > 1})
        raise DatasetError("episodes that are there twice", where=where, got=str(twice)[1:-1])
    return Cuts(
        _text(data["data"], f"{where}, data"),
        _text(data["content"], f"{where}, content"),
        _whole(data["fps"], f"{where}, fps"),
        skills,
        episodes,
        _text(data["found"], f"{where}, found"),
    )


def _skills(data: Any, where: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(data, Mapping):
        raise _amiss("skills", where, "NAME: [PARAMETER, ...]", data)
    found = {}
    for name, parameters in data.items():
        if not isinstance(name, str) or not _SKILL.fullmatch(name):
            raise _amiss("a skill's name", f"{where}, skills", "lower case, digits, _", name)
        names = _listed(parameters, f"{where}, skills, {name}")
        if not all(isinstance(n, str) and _SKILL.fullmatch(n) for n in names):
            raise _amiss("parameters", f"{where}, skills, {name}", "names", parameters)
        if len(set(names)) < len(names):
            raise _amiss("parameters", f"{where}, skills, {name}", "each once", parameters)
        found[name] = tuple(names)
    return found


def _episode(data: Any, skills: Mapping[str, Sequence[str]], where: str) -> Episode:
    _fields(data, _EPISODE, set(), f"{where}, an episode")
    index = _whole(data["episode"], f"{where}, episode")
    place = f"{where}, episode {index}"
    frames = _whole(data["frames"], f"{place}, frames")
    phases = tuple(_whole(n, f"{place}, phases") for n in _listed(data["phases"], place))
    if any(b <= a for a, b in pairwise([0, *phases, frames])):
        raise _amiss("phases", place, f"rising frames inside 0 to {frames}", list(phases))
    spans = [_span(each, skills, place, frames) for each in _listed(data["segments"], place)]
    ordered = tuple(sorted(spans, key=lambda span: (span.start, span.stop)))
    for one, other in pairwise(ordered):
        if other.start < one.stop:
            raise DatasetError(
                "segments overlap",
                where=place,
                expected="a frame belongs to one segment at most",
                got=f"{one.skill} {one.start} to {one.stop}, "
                f"{other.skill} {other.start} to {other.stop}",
            )
    return Episode(index, frames, phases, ordered)


def _span(data: Any, skills: Mapping[str, Sequence[str]], where: str, frames: int) -> Span:
    _fields(data, _SPAN, _SPAN_MORE, f"{where}, a segment")
    start, stop = _whole(data["from"], f"{where}, from"), _whole(data["to"], f"{where}, to")
    place = f"{where}, frames {start} to {stop}"
    if not 0 <= start < stop <= frames:
        raise DatasetError(
            "a segment out of range",
            where=place,
            expected=f"0 <= from < to <= {frames}, the frames of the episode",
        )
    skill, arguments = data["skill"], data.get("arguments", {})
    if skill not in skills:
        raise UnknownNameError("skill", str(skill), skills, where=f"{place}; see `skills:`")
    if not isinstance(arguments, Mapping):
        raise _amiss("arguments", place, "{PARAMETER: value}", arguments)
    texts = {str(name): _argument(value, place) for name, value in arguments.items()}
    if set(texts) != set(skills[skill]):
        raise DatasetError(
            f"arguments that '{skill}' does not take",
            where=place,
            expected=", ".join(skills[skill]) or "none",
            got=", ".join(texts) or "none",
        )
    sure = data.get("sure", 1.0)
    if not isinstance(sure, int | float) or isinstance(sure, bool) or not 0 <= sure <= 1:
        raise _amiss("sure", place, "0 to 1", sure)
    hand = data.get("hand", "")
    if not isinstance(hand, str) or (hand and not is_name(hand)):
        raise _amiss("hand", place, "a hand's name", hand)
    return Span(start, stop, skill, {n: texts[n] for n in skills[skill]}, hand, float(sure))


def _argument(value: Any, where: str) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = str(value) if number else value
    if not isinstance(text, str) or not (is_name(text) or is_number(text) or is_place(text)):
        raise _amiss("an argument", where, "a name, a number or FRAME@x,y,z", value)
    return text


def check_dataset(cuts: Cuts, dataset: Dataset, *, where: str = NAME) -> None:
    """Raise DatasetError unless the cuts are of this dataset, UnknownNameError for a strange thing.

    What the arguments name must be in the scene, or be a hand.
    """
    if cuts.content != dataset.content_hash:
        raise DatasetError(
            "cuts of another dataset",
            where=where,
            expected=f"{dataset.root} with content {dataset.content_hash[:16]}",
            got=f"{cuts.data} with content {cuts.content[:16]}",
            hint="name the dataset that they were made for, or find them anew in another out",
        )
    lengths = {info.index: info.stop - info.start for info in dataset.episodes}
    for episode in cuts.episodes:
        place = f"{where}, episode {episode.index}"
        if episode.index not in lengths:
            raise DatasetError("no such episode", where=place, expected=f"0 to {len(lengths) - 1}")
        if episode.frames != lengths[episode.index]:
            raise DatasetError(
                "an episode of another length",
                where=place,
                expected=f"{lengths[episode.index]} frames",
                got=str(episode.frames),
            )
        # Of a dataset that names no things nothing can be said against a name.
        known = (*dataset.entities, *dataset.schema.hands) if dataset.entities else ()
        for span in episode.spans:
            for value in span.arguments.values():
                if is_name(value) and known and value not in known:
                    there = f"{place}, frames {span.start} to {span.stop}"
                    raise UnknownNameError("thing", value, known, where=there)


def _fields(data: Any, wanted: set[str], more: set[str], where: str) -> None:
    if not isinstance(data, Mapping):
        raise _amiss("not what belongs here:", where, "key: value", data)
    missing, surplus = wanted - set(data), set(map(str, data)) - wanted - more
    if missing or surplus:
        raise DatasetError(
            "fields do not fit",
            where=where,
            expected=", ".join(sorted(wanted)) + (f"; also {', '.join(sorted(more))}" * bool(more)),
            got=f"missing {sorted(missing)}, surplus {sorted(surplus)}",
        )


def _listed(data: Any, where: str) -> list[Any]:
    if not isinstance(data, list):
        raise _amiss("not a list:", where, "[...]", data)
    return data


def _whole(data: Any, where: str) -> int:
    if not isinstance(data, int) or isinstance(data, bool) or data < 0:
        raise _amiss("not a number of frames:", where, "0 or more", data)
    return data


def _text(data: Any, where: str) -> str:
    if not isinstance(data, str):
        raise _amiss("not a text:", where, '"..."', data)
    return data


def _amiss(what: str, where: str, expected: str, got: Any) -> DatasetError:
    return DatasetError(what.rstrip(":"), where=where, expected=expected, got=repr(got)[:80])
