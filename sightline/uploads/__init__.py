"""Uploads: the files that are processed as they arrive, and the records of those that have been processed."""

from sightline.uploads.record import MAX_ATTEMPTS, Claim, Outcome, Settled, UploadRecord, Uploads
from sightline.uploads.rendering import given_up_alert
from sightline.uploads.rules import LocatedRule, UploadRules
from sightline.uploads.upload import Upload

__all__ = [
    "MAX_ATTEMPTS",
    "Claim",
    "LocatedRule",
    "Outcome",
    "Settled",
    "Upload",
    "UploadRecord",
    "UploadRules",
    "Uploads",
    "given_up_alert",
]
