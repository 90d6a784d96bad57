"""An mp4 of an episode, with the plan, the running skill and the facts drawn over the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kata.datasets.types import StorageError

Image = NDArray[np.uint8]

_WHITE, _GREY = (255, 255, 255), (165, 172, 182)
_GREEN, _AMBER = (120, 220, 130), (255, 196, 84)
_LINE, _MARGIN = 24, 14


@dataclass(frozen=True, slots=True)
class Caption:
    """What is written over one picture.

    Attributes:
        title: the sentence, on top.
        calls: the plan; `current` is the index of the running one, all before it are done.
        state: what the executor is doing, in a word.
        facts: text of an atom or condition, and whether it holds.
    """

    title: str
    calls: Sequence[str]
    current: int
    state: str
    facts: Sequence[tuple[str, bool | None]]
    time_s: float


def drawn(image: Image, caption: Caption) -> Image:
    """The picture (height, width, 3) with the caption over it; a new array."""
    out = image.copy()
    height, width = out.shape[:2]
    rows = [_call_row(i, call, caption) for i, call in enumerate(caption.calls)]
    facts = [_fact_row(text, value) for text, value in caption.facts]
    _shade(out, 0, 0, width, _LINE + 12)
    _text(out, _fitted(caption.title, width - 110), (_MARGIN, _LINE), _WHITE)
    _text(out, f"{caption.time_s:5.1f} s", (width - 86, _LINE), _GREY)
    _panel(out, "plan", rows, top=_LINE + 20)
    bottom = height - (len(facts) + 1) * _LINE - 24
    _panel(out, f"facts ({caption.state})", facts, top=bottom)
    return out


Row = tuple[str, tuple[int, int, int]]


def _call_row(index: int, call: str, caption: Caption) -> Row:
    if index < caption.current:
        return f"+ {call}", _GREEN
    return (f"> {call}", _AMBER) if index == caption.current else (f"  {call}", _GREY)


def _fact_row(text: str, value: bool | None) -> Row:
    if value is None:
        return f"? {text}", _GREY
    return (f"+ {text}", _GREEN) if value else (f"- {text}", _GREY)


def _panel(image: Image, title: str, rows: Sequence[Row], top: int) -> None:
    width = 40 + 9 * max([len(title), *(len(text) for text, _ in rows)])
    _shade(image, 0, top, min(width, image.shape[1]), (len(rows) + 1) * _LINE + 12)
    _text(image, title, (_MARGIN, top + _LINE - 4), _GREY)
    for i, (text, colour) in enumerate(rows, 2):
        _text(image, text, (_MARGIN, top + i * _LINE - 4), colour)


def _shade(image: Image, left: int, top: int, width: int, height: int) -> None:
    part = image[max(top, 0) : top + height, left : left + width]
    part[:] = (part * 0.3).astype(np.uint8)


def _text(image: Image, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    import cv2

    # OpenCV's own letters are ASCII; anything else would be drawn as question marks.
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(image, plain, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)


def _fitted(text: str, width: int) -> str:
    room = max(8, width // 9)
    return text if len(text) <= room else text[: room - 3] + "..."


class Film:
    """An mp4 being written, H.264, RGB pictures of one size; the file appears when it is whole."""

    def __init__(self, path: Path, fps: int) -> None:
        self.path, self.fps = path, fps
        self._draft = path.with_name(f".{path.name}.part")
        self._container: Any = None
        self._stream: Any = None

    def __enter__(self) -> Film:
        return self

    def add(self, image: Image) -> None:
        """One more picture (height, width, 3), height and width even. Raises StorageError."""
        import av

        if self._container is None:
            self._open(image.shape[1], image.shape[0])
        try:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            self._container.mux(self._stream.encode(frame))
        except OSError as error:
            raise StorageError("cannot write", where=str(self.path), got=str(error)) from error

    def _open(self, width: int, height: int) -> None:
        import av

        try:
            self._container = av.open(str(self._draft), "w", format="mp4")
        except OSError as error:
            raise StorageError("cannot write", where=str(self.path), got=str(error)) from error
        self._stream = self._container.add_stream("libx264", rate=Fraction(self.fps))
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"preset": "veryfast", "crf": "23", "threads": "1"}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._container is None:
            return
        if kind is None:
            self._container.mux(self._stream.encode())
        self._container.close()
        if kind is None:
            self._draft.replace(self.path)
        else:
            self._draft.unlink(missing_ok=True)
