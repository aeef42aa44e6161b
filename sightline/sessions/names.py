"""Which names may be part of a key, and what they are taken from."""

from __future__ import annotations

import unicodedata

from sightline.errors import InvalidInput, InvalidName
from sightline.storage import Location, key_under, uri_of

OUTPUTS = "annotated"  # the folder of the video bucket that holds what was made of its videos

_RESERVED = frozenset({OUTPUTS, "models"})
_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})  # Unicode's control characters, lone surrogates, line ends
_MAX_PATIENT = 100  # characters
_MAX_FILE_NAME = 255  # bytes, on the usual filesystems
_MAX_STEM = 150  # bytes; leaves room for a suffix that tells two videos of one name apart, and for "_track.parquet"


def check_source(video: Location, video_bucket: Location) -> None:
    """Raise ``InvalidInput`` for a video that is itself an output."""
    key = key_under(video, video_bucket)
    if key is not None and key.partition("/")[0] == OUTPUTS:
        raise InvalidInput(
            uri_of(video), f"lies under {OUTPUTS}/, where the results are kept", "Give the original video"
        )


def patient_of(video: Location, video_bucket: Location) -> str:
    """The patient a video belongs to: the first part of its key under the bucket.

    Raises ``InvalidName`` where the key has no such part, or where that cannot be a patient's name, and
    ``InvalidInput`` for a video that is itself an output.
    """
    check_source(video, video_bucket)
    first, separator, _ = (key_under(video, video_bucket) or "").partition("/")
    if not separator:
        raise InvalidName(
            uri_of(video),
            f"is not in a patient's folder of {uri_of(video_bucket)}, so whose video it is cannot be told",
            "Give --patient",
        )
    return check_patient(first)


def check_patient(name: str) -> str:
    """``name`` in Unicode's composed form (NFC); raises ``InvalidName`` where it cannot be one part of a key.

    Spaces and letters of any script are fine, save a space at either end.
    """
    return _check_part(name, "a patient's name", "Give another with --patient")


def check_folder(name: str) -> str:
    """The same for the name of an emotion's folder."""
    return _check_part(name, "an emotion's folder", "Give another in the keyword table")


def session_stem(stem: str) -> str:
    """A video's stem as a session may be called: composed (NFC), and in it only what can be part of a key.

    What cannot be is replaced, and a long stem is cut: a session is known by its content, so nothing is mixed up by
    that. Raises ``InvalidName`` where nothing is left.
    """
    composed = unicodedata.normalize("NFC", stem)
    kept = "".join("_" if _breaks(character) else character for character in composed)
    clean = kept.encode()[:_MAX_STEM].decode(errors="ignore").strip().lstrip(".").strip()
    if not clean:
        raise InvalidName(repr(stem), "leaves nothing that a session could be called by", "Rename the video")
    return clean


def _check_part(name: str, what: str, mend: str) -> str:
    composed = unicodedata.normalize("NFC", name)
    reason = None
    if not composed:
        reason = "is empty"
    elif any(map(_breaks, composed)):
        reason = "holds a slash, a backslash, a line end or a control character"
    elif composed.startswith("."):
        reason = "starts with a dot"
    elif composed != composed.strip():
        reason = "starts or ends with a space"
    elif composed.casefold() in _RESERVED:
        reason = "is kept for results"
    elif len(composed) > _MAX_PATIENT or len(composed.encode()) > _MAX_FILE_NAME:
        reason = f"is longer than {_MAX_PATIENT} characters, or {_MAX_FILE_NAME} bytes"
    if reason:
        raise InvalidName(repr(name), f"{reason}, so it cannot be {what}", mend)
    return composed


def _breaks(character: str) -> bool:
    return character in "/\\" or unicodedata.category(character) in _BREAKING
