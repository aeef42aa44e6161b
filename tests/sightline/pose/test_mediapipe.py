"""MediaPipe is imported in part, and the rest of it when it is used."""

from __future__ import annotations

import subprocess
import sys

USE = """
import sys
from sightline.pose import FaceDetector, PoseEstimator
PoseEstimator().close()
FaceDetector().close()
unused = {"matplotlib", "mediapipe.tasks", "mediapipe.python.solutions.hands"}
print(sorted(unused & set(sys.modules)))
import mediapipe
from mediapipe.python.solutions import drawing_utils
print(mediapipe.solutions.hands.Hands.__name__, mediapipe.tasks.BaseOptions.__name__, mediapipe.__version__)
print(drawing_utils.draw_landmarks.__name__)
"""


def test_package_is_completed_when_another_part_of_it_is_used() -> None:
    printed = subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True, check=True).stdout
    unused, names, function = printed.splitlines()
    assert unused == "[]"
    assert names.startswith("Hands BaseOptions 0.10.")
    assert function == "draw_landmarks"
