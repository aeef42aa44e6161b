from __future__ import annotations

from pathlib import Path

import pytest

from sightline.media import Still, StillSelector, probe, sample_frames, select_moments
from tests.videos import make_video


def select_stills(path: Path, labelled: list[tuple[float, str]]) -> list[Still]:
    info = probe(path)
    moments = select_moments(labelled, info.duration)
    selector = StillSelector(moments)
    frames = sample_frames(info, 1, [moment.time for moment in moments])
    return [still for frame in frames for still in selector.select(frame)]


def test_stills_are_numbered_annotations_first_then_even_moments(tmp_path: Path) -> None:
    stills = select_stills(make_video(tmp_path / "clip.mp4", frames=72), [(1.5, "john_happy"), (0.5, "mary-ann_sad")])
    assert sorted(still.name for still in stills) == [
        "frame_000_at_0.50s_mary-ann_sad",
        "frame_001_at_1.50s_john_happy",
        *(f"frame_{place + 2:03d}_at_pos_{place * 6}" for place in range(12)),
    ]


def test_stills_are_in_order_of_time(tmp_path: Path) -> None:
    """The original put annotated frames first, so it computed "velocity" over unordered frames."""
    stills = select_stills(make_video(tmp_path / "clip.mp4", frames=72), [(2.0, "john_happy"), (0.9, "john_sad")])
    assert [still.time for still in stills] == sorted(still.time for still in stills)


def test_video_without_keywords_has_twelve_stills(tmp_path: Path) -> None:
    """The original stored frames only for keywords, so no model could be trained on neutral."""
    assert len(select_stills(make_video(tmp_path / "clip.mp4", frames=90), [])) == 12


@pytest.mark.parametrize("frames", [1, 2, 5, 11])
def test_short_video_stores_every_frame_once(frames: int, tmp_path: Path) -> None:
    stills = select_stills(make_video(tmp_path / "clip.mp4", frames=frames), [])
    assert [still.name for still in stills] == [f"frame_{n:03d}_at_pos_{n}" for n in range(frames)]


def test_annotation_past_the_end_is_shown_by_the_last_frame(tmp_path: Path) -> None:
    stills = select_stills(make_video(tmp_path / "clip.mp4", frames=30), [(99.0, "john_happy")])
    assert next(still for still in stills if "john" in still.name).frame == 29
