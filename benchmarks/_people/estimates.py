"""The models' answers of earlier runs, so that a change of the tracking is measured in minutes.

Tracking asks the detector about windows and the landmark model about regions. As long as a tracker asks what an earlier
one asked about the same frame, the stored answer is the one that the model would give.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Self

import numpy as np
from numpy.typing import NDArray

from benchmarks._people.folder import load, save, version
from sightline.pose import JOINTS
from sightline.pose.estimator import Detection, Frame, Person, PoseEstimator, Region, SearchWindow

__all__ = ["StoredEstimator"]

_MODELS = ("estimator", "skeleton")
_POSE = len(JOINTS) * 3
_REGION = len(Region._fields)


class StoredEstimator(PoseEstimator):
    """The models with the stored answers about one clip's frames. The models are loaded for the first new question.

    ``name``: the clip's, under which new answers are stored when it is closed.
    """

    def __init__(self, name: str) -> None:
        self._file = f"estimates-{name}-{version('sightline.pose', *_MODELS)}"
        self._answers = _unpacked(load(self._file))
        self._known = len(self._answers)
        self._models: PoseEstimator | None = None
        self._frame: tuple[Frame, bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Store the new answers, and free the models."""
        if self._models is not None:
            self._models.close()
        if len(self._answers) > self._known:
            save(self._file, _packed(_unpacked(load(self._file)) | self._answers))
            self._known = len(self._answers)

    def detect(self, rgb: Frame, window: SearchWindow | None = None) -> list[Detection]:
        """Return the people in the window, as the detector does."""
        key = self._key(rgb, b"d", *(window or ()))
        if key not in self._answers:
            found = self._loaded.detect(rgb, window)
            self._answers[key] = np.array([(*one.region, *one.shoulders) for one in found], np.float64).ravel()
        rows = self._answers[key].reshape(-1, _REGION + 2).tolist()
        return [Detection(Region(*row[:_REGION]), (row[_REGION], row[_REGION + 1])) for row in rows]

    def landmarks(self, rgb: Frame, region: Region) -> Person | None:
        """Return the person in the region, as the landmark model does."""
        key = self._key(rgb, b"l", *region)
        if key not in self._answers:
            person = self._loaded.landmarks(rgb, region)
            self._answers[key] = (
                np.zeros(0)
                if person is None
                else np.concatenate([person.keypoints.ravel().astype(np.float64), person.region, [person.presence]])
            )
        answer = self._answers[key]
        if not answer.size:
            return None
        keypoints = answer[:_POSE].reshape(-1, 3).astype(np.float32)
        return Person(keypoints, Region(*answer[_POSE:-1].tolist()), float(answer[-1]))

    @property
    def _loaded(self) -> PoseEstimator:
        if self._models is None:
            self._models = PoseEstimator()
        return self._models

    def _key(self, rgb: Frame, model: bytes, *numbers: float) -> bytes:
        if self._frame is None or self._frame[0] is not rgb:
            # Frames of a clip differ everywhere, by their noise.
            self._frame = rgb, np.ascontiguousarray(rgb[::5, ::5]).tobytes()
        digest = hashlib.blake2b(self._frame[1], digest_size=16)
        digest.update(model + struct.pack(f"{len(numbers)}d", *numbers))
        return digest.digest()


def _packed(answers: dict[bytes, NDArray[np.float64]]) -> dict[str, NDArray[np.generic]]:
    return {
        "keys": np.frombuffer(b"".join(answers), np.uint8).reshape(-1, 16),
        "counts": np.array([len(answer) for answer in answers.values()], np.int64),
        "values": np.concatenate([np.zeros(0), *answers.values()]),
    }


def _unpacked(stored: dict[str, NDArray[np.generic]] | None) -> dict[bytes, NDArray[np.float64]]:
    if stored is None:
        return {}
    ends = np.cumsum(stored["counts"])[:-1]
    return dict(zip(map(bytes, stored["keys"]), np.split(np.asarray(stored["values"], np.float64), ends), strict=True))
