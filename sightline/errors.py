"""The exceptions that callers can handle. A message names the file, the problem and the fix."""

from __future__ import annotations

from sightline.urls import without_credentials


class SightlineError(Exception):
    """An error that the user can fix; its text is written for people, and has no credentials of URLs."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(without_credentials(arg) if isinstance(arg, str) else arg for arg in args))


class InvalidInput(SightlineError):
    """A file that cannot be used.

    ``subject`` is the file's URI as the caller gave it, ``reason`` the problem and its place in the file, ``fix`` the
    way to solve it.
    """

    def __init__(self, subject: str, reason: str, fix: str = "") -> None:
        super().__init__(f"{subject}: {reason}" + (f". {fix}" if fix else ""))
        self.subject = without_credentials(subject)
        self.reason = without_credentials(reason)
        self.fix = fix

    def __reduce__(self) -> tuple[type[InvalidInput], tuple[str, str, str]]:
        # Exceptions are rebuilt from args, which contain the joined text only; results cross processes.
        return (type(self), (self.subject, self.reason, self.fix))


class InvalidMedia(InvalidInput):
    """A video, audio file or image that is missing, damaged, or beyond a limit."""


class InvalidTranscript(InvalidInput):
    """A transcript file of an unknown format, that is malformed, or that belongs to another video."""


class InvalidKeywords(InvalidInput):
    """A keyword table with missing or invalid entries."""


class InvalidName(InvalidInput):
    """A patient's, session's or folder's name that cannot be part of a key."""


class InvalidModelName(SightlineError):
    """A name or version that no model can have."""


class TranscriberUnavailable(SightlineError):
    """A requested speech engine, or its weights, that is not installed."""


class StorageError(SightlineError):
    """A location that cannot be read or written."""


class TooLarge(StorageError):
    """A file that exceeds the caller's limit; ``size`` is its length in bytes."""

    def __init__(self, location: str, size: int, limit: int) -> None:
        super().__init__(location, size, limit)
        self.size = size

    def __str__(self) -> str:
        location, size, limit = self.args
        return f"{location}: the file has {size} bytes, the limit is {limit}"


class InvalidSetting(SightlineError):
    """A setting that is missing, or that contradicts another one."""


class FailedWithResult(SightlineError):
    """A run that fails although it has a result, which the command line prints all the same."""

    def __init__(self, message: str, result: object) -> None:
        super().__init__(message)
        self.result = result

    def __reduce__(self) -> tuple[type[FailedWithResult], tuple[str, object]]:
        # The result is not in args, which logs print.
        return (type(self), (str(self), self.result))


class ThresholdNotMet(SightlineError):
    """An image with a confidence below the threshold, in a run that must then fail."""
