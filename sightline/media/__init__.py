"""Videos: properties, frames and sound with presentation times, and annotated copies."""

from sightline.media.annotate import annotate
from sightline.media.audio import sound_blocks
from sightline.media.colours import colour_of, palette
from sightline.media.damage import Damage, StreamReport, damaged_seconds
from sightline.media.faces import DOUBTFUL, NOBODY, FaceSeries, Heads, blur_boxes
from sightline.media.frames import Frame, decode, sample_frames
from sightline.media.hiding import Hiding
from sightline.media.highlights import cut_highlights
from sightline.media.history import PersonSample
from sightline.media.overlay import Overlay, TimedLabel
from sightline.media.people import Outline, PeopleSeries, PoseSeries
from sightline.media.probe import EXTENSIONS, VideoInfo, check_extension, probe
from sightline.media.recorded import Recorded, parse_recorded, when_recorded
from sightline.media.selection import Moment, Still, StillSelector, select_moments, still_pose_name
from sightline.media.silhouette import Silhouette
from sightline.media.skeletons import MIN_CONFIDENCE
from sightline.media.threads import read_ahead, short_switch_interval
from sightline.media.tracks import AUDIBLE

__all__ = [
    "AUDIBLE",
    "DOUBTFUL",
    "EXTENSIONS",
    "MIN_CONFIDENCE",
    "NOBODY",
    "Damage",
    "FaceSeries",
    "Frame",
    "Heads",
    "Hiding",
    "Moment",
    "Outline",
    "Overlay",
    "PeopleSeries",
    "PersonSample",
    "PoseSeries",
    "Recorded",
    "Silhouette",
    "Still",
    "StillSelector",
    "StreamReport",
    "TimedLabel",
    "VideoInfo",
    "annotate",
    "blur_boxes",
    "check_extension",
    "colour_of",
    "cut_highlights",
    "damaged_seconds",
    "decode",
    "palette",
    "parse_recorded",
    "probe",
    "read_ahead",
    "sample_frames",
    "select_moments",
    "short_switch_interval",
    "sound_blocks",
    "still_pose_name",
    "when_recorded",
]
