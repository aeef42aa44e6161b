"""An error names the file, the problem and the fix, in every process."""

from __future__ import annotations

import pickle

import pytest

from sightline import errors

INPUT_ERRORS = [
    errors.InvalidInput,
    errors.InvalidMedia,
    errors.InvalidTranscript,
    errors.InvalidKeywords,
    errors.InvalidName,
]


@pytest.mark.parametrize("kind", INPUT_ERRORS)
def test_invalid_input_keeps_its_parts_across_processes(kind: type[errors.InvalidInput]) -> None:
    error = pickle.loads(pickle.dumps(kind("s3://b/clip.mp4", "has no video stream", "Give a video")))
    assert type(error) is kind
    assert (error.subject, error.reason, error.fix) == ("s3://b/clip.mp4", "has no video stream", "Give a video")
    assert str(error) == "s3://b/clip.mp4: has no video stream. Give a video"


def test_message_without_a_fix_ends_after_the_reason() -> None:
    assert str(errors.InvalidMedia("clip.mp4", "is 0 bytes long")) == "clip.mp4: is 0 bytes long"


def test_too_large_keeps_its_size_across_processes() -> None:
    error = pickle.loads(pickle.dumps(errors.TooLarge("s3://b/clip.mp4", 12, 10)))
    assert (error.size, str(error)) == (12, "s3://b/clip.mp4: the file has 12 bytes, the limit is 10")


def test_all_errors_are_sightline_errors() -> None:
    kinds = [*INPUT_ERRORS, errors.TranscriberUnavailable, errors.StorageError, errors.TooLarge]
    assert all(issubclass(kind, errors.SightlineError) for kind in kinds)
