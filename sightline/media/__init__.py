"""Videos: properties, frames and sound with presentation times, and annotated copies."""

from sightline.media.annotate import annotate
from sightline.media.audio import read_audio
from sightline.media.frames import Frame, decode, sample_frames
from sightline.media.highlights import cut_highlights
from sightline.media.overlay import MIN_CONFIDENCE, FaceSeries, Overlay, SkeletonSeries, TimedLabel, blur_boxes, palette
from sightline.media.probe import EXTENSIONS, VideoInfo, check_extension, probe
from sightline.media.selection import Moment, Still, StillSelector, select_moments, still_pose_name
from sightline.media.threads import read_ahead, short_switch_interval

__all__ = [
    "EXTENSIONS",
    "MIN_CONFIDENCE",
    "FaceSeries",
    "Frame",
    "Moment",
    "Overlay",
    "SkeletonSeries",
    "Still",
    "StillSelector",
    "TimedLabel",
    "VideoInfo",
    "annotate",
    "blur_boxes",
    "check_extension",
    "cut_highlights",
    "decode",
    "palette",
    "probe",
    "read_ahead",
    "read_audio",
    "sample_frames",
    "select_moments",
    "short_switch_interval",
    "still_pose_name",
]
