"""Files that are processed as they arrive: which ones they are, and which of them have been done."""

from sightline.uploads.record import MAX_TRIES, Claim, Outcome, Settled, UploadRecord, Uploads
from sightline.uploads.rendering import given_up_alert
from sightline.uploads.rules import Intake, Intakes
from sightline.uploads.upload import Upload

__all__ = [
    "MAX_TRIES",
    "Claim",
    "Intake",
    "Intakes",
    "Outcome",
    "Settled",
    "Upload",
    "UploadRecord",
    "Uploads",
    "given_up_alert",
]
