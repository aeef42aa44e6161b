"""MediaPipe's notices are suppressed on stderr; everything else is written."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sightline.pose._stderr import startup_notices_hidden

TRACK_AND_FIND = """
import numpy as np
from sightline.pose import FaceDetector, PeopleTracker
from skimage import data
with PeopleTracker() as tracker, FaceDetector() as faces:
    tracker.track(data.astronaut(), 0.0)
    assert len(tracker.latest) == 1
    tracker.track(data.astronaut(), 0.1)
    assert len(tracker.latest) == 1
    assert len(faces.detect(data.astronaut()))
"""
NOTICE = b"W0000 00:00:1.5 7 inference_feedback_manager.cc:114] Feedback manager requires a model\n"


@pytest.mark.integration
def test_tracking_prints_nothing() -> None:
    result = subprocess.run([sys.executable, "-c", TRACK_AND_FIND], capture_output=True, check=True, timeout=120)
    assert result.stderr == b""


def test_only_known_notices_are_hidden(capfd: pytest.CaptureFixture[str]) -> None:
    with startup_notices_hidden():
        os.write(2, NOTICE + b"E0000 00:00:1.5 7 calculator_graph.cc:900] model file is gone\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err.splitlines() == [
        "E0000 00:00:1.5 7 calculator_graph.cc:900] model file is gone",
        "afterwards",
    ]


def test_notices_before_a_failure_are_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), startup_notices_hidden():
        os.write(2, NOTICE) / 0
    assert "inference_feedback_manager" in capfd.readouterr().err
