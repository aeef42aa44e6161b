"""The exceptions a caller may meet. Each message names the file, what is wrong with it and the mend."""

from __future__ import annotations


class SightlineError(Exception):
    """Something the caller can put right; its text is meant for a person."""


class InvalidInput(SightlineError):
    """A file that cannot be used.

    ``subject`` is the file's URI as the caller gave it, ``reason`` what is wrong with it, and where,
    ``mend`` what to do about it.
    """

    def __init__(self, subject: str, reason: str, mend: str = "") -> None:
        super().__init__(f"{subject}: {reason}" + (f". {mend}" if mend else ""))
        self.subject = subject
        self.reason = reason
        self.mend = mend

    def __reduce__(self) -> tuple[type[InvalidInput], tuple[str, str, str]]:
        # Exceptions are rebuilt from args, which hold the joined text; results cross processes.
        return (type(self), (self.subject, self.reason, self.mend))


class InvalidMedia(InvalidInput):
    """A video, sound or picture that is missing, damaged, or beyond a limit."""


class InvalidTranscript(InvalidInput):
    """A transcript file that is not WebVTT, SRT or Whisper JSON, or breaks off."""


class InvalidKeywords(InvalidInput):
    """A keyword table that does not say what it must."""


class InvalidName(InvalidInput):
    """A patient or file name that cannot be part of a key."""


class InvalidModelName(SightlineError):
    """A name or version that no model can have."""


class TranscriberUnavailable(SightlineError):
    """The asked-for speech engine, or its weights, are not there."""


class StorageError(SightlineError):
    """A location that cannot be read or written."""


class TooLarge(StorageError):
    """A file that is longer than the caller takes; ``size`` is its length in bytes."""

    def __init__(self, location: str, size: int, limit: int) -> None:
        super().__init__(location, size, limit)
        self.size = size

    def __str__(self) -> str:
        location, size, limit = self.args
        return f"{location}: the file has {size} bytes, the limit is {limit}"


class InvalidSetting(SightlineError):
    """A setting that contradicts another, or that is missing where it is needed."""


class ThresholdNotMet(SightlineError):
    """Some image's confidence is below the threshold, in a run that was asked to fail for that."""
