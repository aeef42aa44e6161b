from __future__ import annotations

from pathlib import Path

import pytest

from sightline.media import cut_highlights, probe
from tests.videos import make_video


def test_highlights_have_sound_and_need_no_ffmpeg_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_video(tmp_path / "clip.mp4", frames=90, sound="aac")
    monkeypatch.setenv("PATH", "")
    cut_highlights(source, [(0.5, 1.0), (2.0, 9.0)], tmp_path / "cut.mp4")
    info = probe(tmp_path / "cut.mp4")
    assert info.duration == pytest.approx(1.5, abs=0.1)
    assert info.audio_codec == "aac"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "cut.mp4"]


def test_highlights_without_moments_raise_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="moments must not be empty"):
        cut_highlights(make_video(tmp_path / "clip.mp4"), [], tmp_path / "cut.mp4")
