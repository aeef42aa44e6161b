from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest

from tests.sightline.media.conformance import values
from tests.sightline.media.conformance.case import Case
from tests.sightline.media.conformance.compare import CHECKS, compare
from tests.sightline.media.conformance.design import read_cases, short_values
from tests.sightline.media.conformance.exceptions import EXCEPTIONS, excepting
from tests.sightline.media.conformance.generate import NotWritten, generate, run
from tests.sightline.media.conformance.subject import Isolated, sightline, transcoded

SHORT, LONG = read_cases()

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None, reason="ffmpeg and ffprobe are not installed"
)


def written(case: Case, folder: Path) -> Path:
    try:
        return generate(case, folder)
    except NotWritten as error:
        if b"ffmpeg version 5.1" in run(["ffmpeg", "-version"]).stdout:
            raise
        pytest.skip(f"this version of FFmpeg cannot write it: {error}")


@pytest.fixture(scope="module")
def isolated_sightline() -> Iterator[Isolated]:
    reader = Isolated(sightline)
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def tally(request: pytest.FixtureRequest) -> Iterator[Counter[bool]]:
    """Counts the cases that agree, and prints their share."""
    counts: Counter[bool] = Counter()
    yield counts
    terminal = request.config.pluginmanager.getplugin("terminalreporter")
    if terminal is not None and (total := counts.total()):
        terminal.write_line("")
        terminal.write_line(f"conformance: {counts[True]} of {total} agree with FFmpeg ({counts[True] / total:.1%})")
        for known in EXCEPTIONS:
            terminal.write_line(f"  except {known.pattern}, {known.check}: {known.reason}")


@needs_ffmpeg
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.id) for case in SHORT]
    + [pytest.param(case, id=case.id, marks=pytest.mark.soak) for case in LONG],
)
def test_video_is_processed_as_ffmpeg_plays_it(
    case: Case, isolated_sightline: Isolated, tally: Counter[bool], tmp_path: Path
) -> None:
    differences = compare(written(case, tmp_path), isolated_sightline)
    tally[not differences] += 1
    expected = {known.check for known in excepting(case)}
    assert {check: text for check, text in differences.items() if check not in expected} == {}
    assert expected <= set(differences), "an exception agrees; remove it"


@pytest.fixture(scope="module")
def anamorphic_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(Case.parse("mkv-h264-pcm_s16le-stereo-48000-sar15_8"), tmp_path_factory.mktemp("clip"))


FAULTS = {
    "none": ("null", [], (), set()),
    "pixel aspect ignored": ("setsar=1", [], (), {"size"}),
    "half the size": ("scale=iw/2:ih/2", [], (), {"size"}),
    "mirrored": ("hflip", [], (), {"picture"}),
    "upside down": ("hflip,vflip", [], (), {"picture"}),
    "colour planes exchanged": ("swapuv", [], (), {"picture"}),
    "eight pixels to the right": ("crop=iw-8:ih:0:0,pad=iw+8:ih:8:0", [], (), {"picture"}),
    "cut at the end": ("null", ["-t", "1.9"], (), {"duration", "frames"}),
    "every tenth frame dropped": ("select='mod(n,10)'", [], (), {"frames"}),
    "slower by 1 %": ("setpts=PTS*1.01", [], (), {"times"}),
    "sound 30 ms late": ("null", ["-af", "adelay=30:all=1"], (), {"sync", "mono"}),
    "sound 30 ms early": ("null", ["-af", "atrim=start=0.03,asetpts=PTS-STARTPTS"], (), {"sync", "mono"}),
    "2 dB too loud": ("null", ["-af", "volume=2dB"], (), {"loudness", "mono"}),
    "2 dB too quiet": ("null", ["-af", "volume=-2dB"], (), {"loudness", "mono"}),
    "channels exchanged": ("null", ["-af", "pan=stereo|c0=c1|c1=c0"], (), {"loudness"}),
    "a channel lost": ("null", ["-ac", "1"], (), {"loudness"}),
    "no sound": ("null", ["-an"], (), {"sync", "loudness", "mono"}),
    "not written": ("null", ["-c:v", "nothing"], (), {"accepted"}),
}


@needs_ffmpeg
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(fault: str, anamorphic_clip: Path) -> None:
    """The checks reject what is wrong."""
    filters, options, before, checks = FAULTS[fault]
    found = compare(anamorphic_clip, partial(transcoded, options=options, filters=filters, before=before))
    assert checks <= set(found)
    assert checks or not found


def test_every_check_has_a_fault_that_it_finds() -> None:
    assert set().union(*(checks for *_, checks in FAULTS.values())) == set(CHECKS)


def test_short_matrix_has_every_value_but_rare_video_codecs() -> None:
    def used(cases: list[Case]) -> Counter[tuple[str, object]]:
        return Counter(value for case in cases for value in asdict(case).items())

    assert set().union(*map(short_values, SHORT)) == set().union(*map(short_values, SHORT + LONG))
    assert {("video", name) for name in values.COMMON_VIDEOS} <= set(used(SHORT))
    assert len({case.video for case in SHORT}) > len(values.VIDEOS) / 3
    names = {"container": values.CONTAINERS, "geometry": values.GEOMETRIES, "timing": values.TIMINGS,
             "audio": values.AUDIOS, "layout": values.LAYOUTS}  # fmt: skip
    for dimension, table in names.items():
        counts = used(SHORT + LONG)
        assert {value for value in table if counts[dimension, value] < 3} == set()


def test_ids_name_their_cases() -> None:
    ids = [case.id for case in SHORT + LONG]
    assert [Case.parse(text) for text in ids] == SHORT + LONG
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("text", ["mp4-h264", "mp4-h264-aac-mono-48000-plain", "mp4-h265-none", "avi-h264-none-rot90"])
def test_id_of_no_case_is_rejected(text: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        Case.parse(text)


def test_exceptions_name_checks_and_cases() -> None:
    for known in EXCEPTIONS:
        assert known.check in CHECKS
        assert any(known in excepting(case) for case in SHORT + LONG), f"{known.pattern} matches no case"
