"""A composed clip: its frames, and the truth about everyone in each of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._people.cutouts import CutOut, Picture

__all__ = ["FPS", "Actor", "Clip", "ComposedFrame", "PersonTruth", "decoded"]

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]

FPS = 10
_SEEN = 0.5
"""A pixel shows a person from this share on."""
_GRAIN = 97
"""The noise of a frame is a part of a field that is larger by so many pixels."""


@dataclass(frozen=True, eq=False)
class PersonTruth:
    """A person in a frame.

    ``keypoints``: shape (25, 3), BODY_25 in pixels of the frame; confidence 1 for a joint labelled as visible in the
    source, 0.5 for one that the person's own body hides, 0 if unlabelled. ``visible``: shape (25,), whether a labelled
    joint is within the frame and not behind another person. ``box``: left, top, right, bottom of the visible pixels;
    None if there are none. ``share``: the visible share of the cut-out's pixels, 0 to 1. ``height``: the complete
    cut-out's height in pixels. ``area``: its number of pixels.
    """

    person: int
    keypoints: NDArray[np.float32]
    visible: NDArray[np.bool_]
    box: tuple[float, float, float, float] | None
    share: float
    height: float
    area: float


@dataclass(frozen=True, eq=False)
class ComposedFrame:
    """A frame of a clip: ``rgb`` has shape (height, width, 3), uint8; ``people`` are all of the clip's, in order."""

    index: int
    time: float
    rgb: Image
    people: tuple[PersonTruth, ...]


@dataclass(frozen=True, eq=False)
class Actor:
    """A person of a clip, at every frame.

    ``feet``: shape (n, 2), the pixel of the picture's lower middle. ``height``: shape (n,), of the complete picture in
    pixels. ``depth``: shape (n,), metres from the camera. ``mirrored``: shape (n,). ``lean`` and ``stride``: shape
    (n,), how far the head and the feet are moved sideways, over the height. ``gain``: RGB factors of the light.
    """

    number: int
    cutout: CutOut
    feet: Floats
    height: Floats
    depth: Floats
    mirrored: NDArray[np.bool_]
    lean: Floats
    stride: Floats
    gain: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip of composed people, the same for the same seed.

    ``patient`` is the number of the person who is seen longest and largest, and ``prominence`` how much more so than
    the next one; at a ratio near 1, only ``person_at`` says who it is: x and y in pixels of a visible point of the
    patient, and seconds. ``names`` are the cut-outs in the order of the people's numbers, from 1; ``tags`` are the
    situations in the clip. ``rate``: frames a second.
    """

    seed: int
    size: tuple[int, int]
    duration: float
    actors: tuple[Actor, ...]
    scene: Image
    exposure: float
    noise: float
    quality: int
    patient: int
    prominence: float
    tags: frozenset[str]
    rate: int = FPS

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(actor.cutout.name for actor in self.actors)

    @property
    def times(self) -> Floats:
        """The frames' times in seconds."""
        return np.arange(round(self.duration * self.rate)) / self.rate

    def at_rate(self, rate: int) -> Clip:
        """Return the same clip at another rate, with the people's places interpolated."""
        clip = replace(self, rate=rate)
        return replace(clip, actors=tuple(_resampled(actor, self.times, clip.times) for actor in self.actors))

    @property
    def person_at(self) -> tuple[float, float, float] | None:
        """A joint of the patient in the frame in which most of them is visible; None if they are never visible."""
        best: tuple[float, float, float, float] | None = None
        for time, people in zip(self.times, self.truth(), strict=True):
            truth = people[self.patient - 1]
            for joint in (1, 0, 8):
                if truth.visible[joint] and (best is None or truth.share > best[0]):
                    x, y = truth.keypoints[joint, :2].tolist()
                    best = truth.share, x, y, float(time)
        return None if best is None else best[1:]

    def truth(self) -> Iterator[tuple[PersonTruth, ...]]:
        """Yield the people of each frame, without the picture."""
        return (self._compose(index, None) for index in range(len(self.times)))

    def frames(self) -> Iterator[ComposedFrame]:
        """Yield the frames, encoded as H.264 and decoded."""
        truths: list[tuple[PersonTruth, ...]] = []
        file = io.BytesIO()
        self._encode(file, truths)
        file.seek(0)
        for index, rgb in enumerate(decoded(file)):
            yield ComposedFrame(index, index / self.rate, rgb, truths[index])

    def write(self, path: Path) -> list[tuple[PersonTruth, ...]]:
        """Write the clip as an MP4 file; return the people of each frame."""
        truths: list[tuple[PersonTruth, ...]] = []
        with path.open("wb") as file:
            self._encode(file, truths)
        return truths

    def _encode(self, file: IO[bytes], truths: list[tuple[PersonTruth, ...]]) -> None:
        import av

        width, height = self.size
        random = np.random.default_rng([self.seed, self.quality])
        grain = random.normal(0, self.noise, (height + _GRAIN, width + _GRAIN, 3)).astype(np.float32)
        options = {"preset": "veryfast", "crf": str(self.quality), "threads": "1"}
        with av.open(file, "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=self.rate, options=options)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for index in range(len(self.times)):
                canvas = self.scene.astype(np.float32)
                truths.append(self._compose(index, canvas))
                row, column = random.integers(0, _GRAIN, 2)
                canvas += grain[row : row + height, column : column + width]
                picture = np.clip(canvas, 0, 255).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())

    def _compose(self, index: int, canvas: NDArray[np.float32] | None) -> tuple[PersonTruth, ...]:
        """Return the truth of a frame; draw it onto the canvas if there is one."""
        near_first = sorted(self.actors, key=lambda actor: actor.depth[index])
        width, height = self.size
        free = np.ones((height, width), np.float32)
        truths: dict[int, PersonTruth] = {}
        layers = []
        for actor in near_first:
            layer = _layer(actor, index, self)
            truths[actor.number] = _truth(actor, index, layer, free)
            if layer.window is not None:
                free[layer.window] *= 1 - layer.alpha
                layers.append(layer)
        if canvas is not None:
            for layer in reversed(layers):
                part = canvas[layer.window]
                part *= 1 - layer.alpha[..., None]
                part += layer.rgb
        return tuple(truths[actor.number] for actor in self.actors)


def decoded(file: IO[bytes] | str) -> Iterator[Image]:
    """Yield the frames of a written clip."""
    import av

    with av.open(file, "r") as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


@dataclass(frozen=True, eq=False)
class _Layer:
    """A person as drawn: premultiplied ``rgb`` and ``alpha`` within ``window`` of the frame, None if outside it."""

    window: Any
    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32]
    joints: Floats
    area: float


def _layer(actor: Actor, index: int, clip: Clip) -> _Layer:
    import cv2

    picture = actor.cutout.at(index / clip.rate)
    picture = _mirrored(picture) if actor.mirrored[index] else picture
    scale = actor.height[index] / actor.cutout.height
    middle, hips = picture.rgba.shape[1] / 2, _hips(picture)
    foot_x, foot_y = actor.feet[index]

    def bend(y: Any) -> Any:
        """Return how far the row ``y`` of the picture is moved sideways, in pixels of the picture."""
        below, above = np.maximum(y - hips, 0), np.maximum(hips - y, 0)
        return actor.stride[index] * below + actor.lean[index] * above

    joints = picture.joints.copy()
    joints[:, 0] = foot_x + scale * (joints[:, 0] + bend(joints[:, 1]) - middle)
    joints[:, 1] = foot_y + scale * (joints[:, 1] - actor.cutout.height)
    joints[joints[:, 2] == 0] = 0
    area = picture.area * scale**2
    reach = scale * (middle + abs(bend(0)) + abs(bend(actor.cutout.height))) + 8
    left, right = max(0, int(foot_x - reach)), min(clip.size[0], int(foot_x + reach) + 1)
    top, bottom = max(0, int(foot_y - scale * actor.cutout.height) - 8), min(clip.size[1], int(foot_y) + 8)
    if left >= right or top >= bottom:
        return _Layer(None, np.zeros((0, 0, 3), np.float32), np.zeros((0, 0), np.float32), joints, area)
    level = int(np.clip(np.floor(np.log2(1 / scale)), 0, len(picture.levels) - 1)) if scale < 1 else 0
    source = picture.levels[level]
    # The rows and columns of the picture that are shown at the frame's pixels, by the middles of pixels.
    y = (np.arange(top, bottom) + 0.5 - foot_y) / scale + actor.cutout.height
    x = (np.arange(left, right) + 0.5 - foot_x) / scale + middle
    map_x = (x[None] - bend(y)[:, None]) * source.shape[1] / picture.rgba.shape[1] - 0.5
    map_y = np.broadcast_to(y[:, None] * source.shape[0] / picture.rgba.shape[0] - 0.5, map_x.shape)
    drawn = cv2.remap(
        source, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    ).astype(np.float32)
    drawn = _moved(drawn, actor, index, clip)
    rgb = drawn[..., :3] * np.array(actor.gain, np.float32)
    return _Layer((slice(top, bottom), slice(left, right)), rgb, drawn[..., 3] / 255, joints, area)


def _moved(drawn: NDArray[np.float32], actor: Actor, index: int, clip: Clip) -> NDArray[np.float32]:
    """Return the layer blurred along the way that the person moves while the shutter is open."""
    import cv2

    before, after = max(index - 1, 0), min(index + 1, len(actor.feet) - 1)
    way = (actor.feet[after] - actor.feet[before]) / max(after - before, 1) * clip.rate * clip.exposure
    length = float(np.hypot(*way))
    if not 1.5 <= length < 60:
        return drawn
    radius = int(np.ceil(length / 2))
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    centre = np.array([radius, radius])
    ends = [tuple(int(value) for value in np.round(centre + sign * way / 2)) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], [1.0], 1)
    return np.asarray(cv2.filter2D(drawn, -1, kernel / kernel.sum(), borderType=cv2.BORDER_CONSTANT), np.float32)


def _resampled(actor: Actor, old: Floats, new: Floats) -> Actor:
    def at(values: Floats) -> Floats:
        return np.asarray(np.interp(new, old, values))

    nearest = np.abs(new[:, None] - old).argmin(axis=1)
    return replace(
        actor,
        feet=np.stack([at(actor.feet[:, 0]), at(actor.feet[:, 1])], axis=1),
        height=at(actor.height),
        depth=at(actor.depth),
        mirrored=actor.mirrored[nearest],
        lean=at(actor.lean),
        stride=at(actor.stride),
    )


_MIRRORS: dict[int, tuple[Picture, Picture]] = {}


def _mirrored(picture: Picture) -> Picture:
    if id(picture) not in _MIRRORS:
        _MIRRORS[id(picture)] = picture, picture.mirrored()
    return _MIRRORS[id(picture)][1]


def _hips(picture: Picture) -> float:
    hips = picture.joints[[9, 12]]
    known = hips[hips[:, 2] > 0, 1]
    return float(known.mean()) if known.size else picture.rgba.shape[0] * 0.98


def _truth(actor: Actor, index: int, layer: _Layer, free: NDArray[np.float32]) -> PersonTruth:
    height, width = free.shape
    visible = np.zeros(len(layer.joints), bool)
    for joint, (x, y, confidence) in enumerate(layer.joints):
        column, row = int(np.floor(x)), int(np.floor(y))
        if confidence > 0 and 0 <= column < width and 0 <= row < height:
            visible[joint] = free[row, column] > _SEEN
    box, share = None, 0.0
    if layer.window is not None:
        seen = layer.alpha * free[layer.window]
        share = min(float(seen.sum()) / layer.area, 1.0)
        rows, columns = np.flatnonzero((seen > _SEEN).any(axis=1)), np.flatnonzero((seen > _SEEN).any(axis=0))
        if rows.size:
            top, left = layer.window[0].start, layer.window[1].start
            box = (
                float(left + columns[0]),
                float(top + rows[0]),
                float(left + columns[-1] + 1),
                float(top + rows[-1] + 1),
            )
    return PersonTruth(
        actor.number, layer.joints.astype(np.float32), visible, box, share, float(actor.height[index]), layer.area
    )
