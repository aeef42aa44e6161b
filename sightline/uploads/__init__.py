"""Uploads: the files that are processed as they arrive, and the records of those that have been processed."""

from sightline.uploads.record import MAX_ATTEMPTS, Settled, UploadLease, UploadOutcome, UploadRecord, Uploads
from sightline.uploads.rendering import invalid_record_alert
from sightline.uploads.rules import LocatedRule, UploadRules
from sightline.uploads.upload import Kind, Upload

__all__ = [
    "MAX_ATTEMPTS",
    "Kind",
    "LocatedRule",
    "Settled",
    "Upload",
    "UploadLease",
    "UploadOutcome",
    "UploadRecord",
    "UploadRules",
    "Uploads",
    "invalid_record_alert",
]
