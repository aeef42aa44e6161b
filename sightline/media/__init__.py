"""Videos: what they are, their frames and sound with true times, and annotated copies of them."""

from sightline.media.ahead import quick_handover, read_ahead
from sightline.media.annotate import annotate
from sightline.media.audio import read_audio
from sightline.media.frames import Frame, decode, sample_frames
from sightline.media.highlights import cut_highlights
from sightline.media.overlay import MIN_CONFIDENCE, Faces, Overlay, Skeleton, Span, blur_boxes, palette
from sightline.media.probe import EXTENSIONS, VideoInfo, check_extension, probe
from sightline.media.selection import Moment, Still, Stills, pose_name, select_moments

__all__ = [
    "EXTENSIONS",
    "MIN_CONFIDENCE",
    "Faces",
    "Frame",
    "Moment",
    "Overlay",
    "Skeleton",
    "Span",
    "Still",
    "Stills",
    "VideoInfo",
    "annotate",
    "blur_boxes",
    "check_extension",
    "cut_highlights",
    "decode",
    "palette",
    "pose_name",
    "probe",
    "quick_handover",
    "read_ahead",
    "read_audio",
    "sample_frames",
    "select_moments",
]
