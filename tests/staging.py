"""Staged clips of a room with real people, cut out of photos, whose places are known. They are tracked as files."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks._people.clip import FPS, Actor, Clip, PersonTruth
from benchmarks._people.cutouts import CutOut, Picture
from benchmarks._people.scenes import background
from benchmarks._people.scripts import Camera, Script
from sightline.media import Moment, probe
from sightline.pose import JOINTS, Keypoints, TrackedVideo, detect_pose, track_video

__all__ = [
    "CAMERA",
    "Staged",
    "bed",
    "bent",
    "forearm",
    "lying",
    "mirror_image",
    "poster",
    "room",
    "stage",
    "walker",
    "who",
]

_SIZE = (512, 384)
CAMERA = Camera(_SIZE, focal=427, height=1.2, horizon=133)
_FLOOR = 229

_JOINTS = [
    JOINTS.index(name)
    for name in ("nose", "right_shoulder", "left_shoulder", "right_hip", "left_hip", "right_knee", "left_knee")
]
_NEAR = 0.25
"""In lengths from head to knee: joints this close to the true ones, in the median, are theirs."""
_SEEN = 0.05
"""Of somebody less visible, the joints are a guess."""


@dataclass(frozen=True, eq=False)
class Staged:
    """A clip that was tracked. ``truth``: everyone in each frame, by its index."""

    path: Path
    video: TrackedVideo
    truth: Sequence[tuple[PersonTruth, ...]]

    def shown(self, person: int) -> dict[int, int]:
        """Return in how many frames the tracked person is each of the true ones; 0: nobody of them."""
        track = self.video.track.of(person)
        return dict(
            Counter(
                who(self.truth[frame], points)
                for frame, points in zip(track.frames.tolist(), track.keypoints, strict=True)
            )
        )

    def numbers_of(self, truth: int) -> set[int]:
        """Return the numbers that a true person has in at least 5 % of the frames in which they are tracked."""
        frames = {number: self.shown(number).get(truth, 0) for number in self.video.track.numbers}
        return {number for number, count in frames.items() if count and count >= 0.05 * sum(frames.values())}

    def found(self, truth: int, share: float = 0.5) -> float:
        """Return the share of the frames with a true person, visible to at least ``share``, that have their pose."""
        visible = [index for index, people in enumerate(self.truth) if people[truth - 1].share >= share]
        frames = self.video.track.by_frame()
        found = [
            any(who(self.truth[index], points) == truth for points in frames.get(index, {}).values())
            for index in visible
        ]
        return sum(found) / len(found)

    def longest_jump(self, person: int) -> float:
        """Return the longest way of the mid-hip between two consecutive samples, in torso lengths."""
        track = self.video.track.of(person)
        hips = track.keypoints[:, JOINTS.index("mid_hip"), :2]
        torsos = np.hypot(*(track.keypoints[:, JOINTS.index("neck"), :2] - hips).T)
        steps = np.hypot(*np.diff(hips, axis=0).T) / np.median(torsos)
        return float(steps[np.diff(track.frames) == 1].max(initial=0.0))


def who(people: Sequence[PersonTruth], points: Keypoints) -> int:
    """Return the number of the true person whose joints these are, shape (25, 3); 0 if they are nobody's."""
    distances = {}
    for truth in people:
        known = [joint for joint in _JOINTS if truth.keypoints[joint, 2] > 0 and points[joint, 2] > 0]
        if known and truth.share > _SEEN:
            size = float(np.ptp(truth.keypoints[known, :2], axis=0).max())
            apart = np.hypot(*(truth.keypoints - points)[known, :2].T)
            distances[truth.person] = float(np.median(apart)) / size
    best = min(distances, key=distances.__getitem__, default=0)
    return best if best and distances[best] < _NEAR else 0


def stage(
    path: Path,
    seconds: float,
    *actors: Actor,
    scene: NDArray[np.uint8] | None = None,
    moments: Sequence[float] = (),
    seed: int = 3,
    **options: Any,
) -> Staged:
    """Write the clip of the actors, numbered from 1, to the file, and track it. ``options``: of ``track_video``."""
    clip = Clip(
        seed, _SIZE, seconds, actors, room(seed) if scene is None else scene, exposure=0.01, noise=2.0, quality=23,
        patient=1, prominence=1.0, tags=frozenset(),
    )  # fmt: skip
    clip.write(path)
    folder = path.with_suffix("")
    folder.mkdir()
    stills = [Moment(time) for time in moments]
    return Staged(path, track_video(probe(path), stills, folder, fps=FPS, **options), list(clip.truth()))


def room(seed: int = 3) -> NDArray[np.uint8]:
    """Return an empty room, shape (height, width, 3), RGB; another one for each seed."""
    # The first draw decides between a room and a landscape.
    seeds = (number for number in range(seed * 100, seed * 100 + 100) if np.random.default_rng(number).random() < 0.75)
    return background(np.random.default_rng(next(seeds)), _SIZE, CAMERA.horizon, _FLOOR)


def walker(
    number: int,
    cutout: CutOut,
    script: Script,
    seconds: float,
    *,
    mirrored: bool = False,
    raised: float = 0.0,
    sway: float = 0.05,
) -> Actor:
    """Return a person who goes the way of the script, ``raised`` metres above the floor, and sways.

    ``sway``: how far the head moves, over the height.
    """
    times = np.arange(round(seconds * FPS)) / FPS
    x, z = script.sampled(times).T
    height = cutout.metres * CAMERA.focal / z
    walking = np.clip(np.hypot(np.gradient(x), np.gradient(z)) * FPS / 0.8, 0, 1)
    feet = np.stack(
        [_SIZE[0] / 2 + x * CAMERA.focal / z, CAMERA.horizon + (CAMERA.height - raised) * CAMERA.focal / z], axis=1
    )
    return Actor(
        number,
        cutout,
        feet,
        height,
        z,
        np.full(len(times), mirrored),
        lean=sway * np.sin(2.6 * times + number),
        stride=0.05 * walking * np.sin(6.0 * times + number),
        gain=(0.95, 0.95, 0.95),
    )


def lying(cutout: CutOut) -> CutOut:
    """Return the person turned by 90 degrees, with their head on the left."""
    picture = cutout.pictures[0]
    rgba = np.ascontiguousarray(np.rot90(picture.rgba))
    joints = picture.joints.copy()
    joints[:, 0], joints[:, 1] = picture.joints[:, 1], picture.rgba.shape[1] - picture.joints[:, 0]
    joints[joints[:, 2] == 0] = 0
    metres = cutout.metres * rgba.shape[0] / picture.rgba.shape[0]
    return CutOut(f"{cutout.name}-lying", (Picture(rgba, joints),), 1.0, metres, cutout.largest, cutout.joints_by)


def mirror_image(actor: Actor, number: int) -> Actor:
    """Return the reflection of a person in a mirror at the middle of the frame, as far behind it as they are before."""
    feet = actor.feet.copy()
    feet[:, 0] = _SIZE[0] - feet[:, 0]
    return Actor(
        number, actor.cutout, feet, actor.height, actor.depth + 0.01, ~actor.mirrored, -actor.lean, -actor.stride,
        actor.gain,
    )  # fmt: skip


def forearm(rgb: NDArray[np.uint8]) -> CutOut:
    """Return the raised right forearm of the person in a photo, which points to the left, cut at the elbow."""
    from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

    joints = detect_pose(rgb)
    assert joints is not None
    elbow, wrist = (joints[JOINTS.index(name), :2].astype(float) for name in ("right_elbow", "right_wrist"))
    length, hand = math.dist(elbow, wrist), wrist + 0.7 * (wrist - elbow)
    with SelfieSegmentation(model_selection=0) as segmentation:
        person = segmentation.process(rgb).segmentation_mask > 0.4
    mask = np.zeros(rgb.shape[:2], np.uint8)
    ends = [tuple(int(value) for value in np.round(point)) for point in (elbow, hand)]
    cv2.line(mask, ends[0], ends[1], (255,), round(0.6 * length))
    alpha = np.where(person, mask, 0)[..., None]
    arm = np.dstack([rgb * (alpha / 255), alpha]).astype(np.uint8)
    angle = math.degrees(math.atan2(hand[1] - elbow[1], hand[0] - elbow[0])) - 180
    turn = np.asarray(cv2.getRotationMatrix2D((float(elbow[0]), float(elbow[1])), angle, 1.0), np.float64)
    width, height = round(2.1 * length), round(0.8 * length)
    turn[:, 2] += width - elbow[0], height / 2 - elbow[1]
    rgba = np.asarray(cv2.warpAffine(arm, turn, (width, height)), np.uint8)
    return CutOut("forearm", (Picture(rgba, np.zeros((len(JOINTS), 3))),), 1.0, 0.3, 400, "hand")


def plain() -> NDArray[np.uint8]:
    """Return a wall and a floor without anything in which a face or a person could be seen."""
    width, height = _SIZE
    scene = np.empty((height, width, 3), np.float32)
    scene[:_FLOOR], scene[_FLOOR:] = (186, 180, 168), (112, 98, 84)
    light = np.linspace(0.85, 1.1, width)[None, :, None] * np.linspace(1.05, 0.9, height)[:, None, None]
    return np.clip(scene * light, 0, 255).astype(np.uint8)


def bed(scene: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the scene with a bed along the wall, as high as somebody who lies 0.4 m above the floor."""
    made = scene.copy()
    cv2.rectangle(made, (42, 258), (470, 295), (214, 216, 222), -1)
    cv2.rectangle(made, (42, 295), (470, 320), (120, 92, 70), -1)
    cv2.rectangle(made, (52, 226), (140, 262), (235, 236, 240), -1)
    return np.asarray(cv2.GaussianBlur(made, (0, 0), 0.8), np.uint8)


def bent(actor: Actor, lean: float, since: float, until: float) -> Actor:
    """Return the person bent to one side between two moments, in seconds; ``lean`` is over their height."""
    times = np.arange(len(actor.feet)) / FPS
    share = np.clip(np.minimum(times - since, until - times) / 0.5, 0, 1)
    return replace(actor, lean=actor.lean + lean * share)


def poster(scene: NDArray[np.uint8], cutout: CutOut, left: int, top: int, height: int) -> NDArray[np.uint8]:
    """Return the scene with a framed picture of a person on the wall; ``height`` is the person's, in pixels."""
    source = cutout.pictures[0].rgba
    width = round(source.shape[1] * height / source.shape[0])
    rgba = cv2.resize(source, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    hung = scene.copy()
    edge = 8
    cv2.rectangle(hung, (left - edge, top - edge), (left + width + edge, top + height + edge), (235, 232, 220), -1)
    cv2.rectangle(hung, (left - edge, top - edge), (left + width + edge, top + height + edge), (40, 30, 25), 3)
    part = hung[top : top + height, left : left + width]
    shown = part * (1 - rgba[..., 3:] / 255) + rgba[..., :3]
    part[:] = np.clip(shown, 0, 255).astype(np.uint8)
    return hung
