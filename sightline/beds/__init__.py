"""Beds with pressure mats: frames, postures over time, turns, alerts, and the pages of beds and patients.

>>> bed = read_bed(locate("data/beds"), "bed-7")
>>> read_new_frames(bed, judge, now_in_utc, "a notebook")
>>> timeline = timeline_of(BedStore(bed).samples(yesterday, now), now, bed.limits.silence)
>>> summarize(timeline, yesterday, now).turns
7
"""

from sightline.beds.bed import Bed, InvalidBed, bed_names, read_bed
from sightline.beds.mat import FrameInvalid, Mat
from sightline.beds.page import bed_page
from sightline.beds.reading import Judge, Reading, read_new_frames
from sightline.beds.rendering import alert_of
from sightline.beds.store import BedStore, JudgedFrame
from sightline.beds.summary import Summary, midnight, summarize
from sightline.beds.timeline import FAULT, NO_DATA, OUT_OF_BED, UNSURE, Rest, Sample, Stretch, Timeline, timeline_of
from sightline.beds.watch import Due, Limits, Raised, WatchState, decide
from sightline.beds.week import WeekReport, parse_week, week_page, weekly_report

__all__ = [
    "FAULT",
    "NO_DATA",
    "OUT_OF_BED",
    "UNSURE",
    "Bed",
    "BedStore",
    "Due",
    "FrameInvalid",
    "InvalidBed",
    "Judge",
    "JudgedFrame",
    "Limits",
    "Mat",
    "Raised",
    "Reading",
    "Rest",
    "Sample",
    "Stretch",
    "Summary",
    "Timeline",
    "WatchState",
    "WeekReport",
    "alert_of",
    "bed_names",
    "bed_page",
    "decide",
    "midnight",
    "parse_week",
    "read_bed",
    "read_new_frames",
    "summarize",
    "timeline_of",
    "week_page",
    "weekly_report",
]
