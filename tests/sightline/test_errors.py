"""An error names the file, what is wrong with it and the mend, in whatever process it is read."""

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
def test_an_error_crosses_processes_with_all_its_parts(kind: type[errors.InvalidInput]) -> None:
    error = pickle.loads(pickle.dumps(kind("s3://b/clip.mp4", "has no video stream", "Give a video")))
    assert type(error) is kind
    assert (error.subject, error.reason, error.mend) == ("s3://b/clip.mp4", "has no video stream", "Give a video")
    assert str(error) == "s3://b/clip.mp4: has no video stream. Give a video"


def test_an_error_without_a_mend_ends_after_its_reason() -> None:
    assert str(errors.InvalidMedia("clip.mp4", "is 0 bytes long")) == "clip.mp4: is 0 bytes long"


def test_a_file_that_is_too_large_crosses_processes_with_its_size() -> None:
    error = pickle.loads(pickle.dumps(errors.TooLarge("s3://b/clip.mp4", 12, 10)))
    assert (error.size, str(error)) == (12, "s3://b/clip.mp4: the file has 12 bytes, the limit is 10")


def test_one_except_clause_meets_them_all() -> None:
    kinds = [*INPUT_ERRORS, errors.TranscriberUnavailable, errors.StorageError, errors.TooLarge]
    assert all(issubclass(kind, errors.SightlineError) for kind in kinds)
