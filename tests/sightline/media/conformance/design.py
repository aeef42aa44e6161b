"""The choice of the cases: a covering design of the dimensions, of what FFmpeg can write and read.

``python -m tests.sightline.media.conformance.design`` asks FFmpeg and writes ``cases.txt``; the choice depends on the
seed and on FFmpeg's version only. The first cases are the ones of ``make test``: they contain every value, but of the
video codecs only the most common ones and about half of the others. Most of a case's time is spent on starting FFmpeg.
"""

from __future__ import annotations

import itertools
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, astuple
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.sightline.media.conformance.case import Case
from tests.sightline.media.conformance.compare import beep_time, flash_time
from tests.sightline.media.conformance.generate import NotWritten, generate, picture, run, sound
from tests.sightline.media.conformance.reference import NotDecoded, decode
from tests.sightline.media.conformance.values import (
    AUDIOS,
    COMMON_VIDEOS,
    CONTAINERS,
    GEOMETRIES,
    LAYOUTS,
    RATE,
    RATES,
    TIMINGS,
    VIDEOS,
)

CASES = Path(__file__).with_name("cases.txt")
COUNT = 300
_SEED = 17
_MIN_USES = 3
_CANDIDATES = 400

Pair = tuple[int, object, int, object]


def read_cases() -> tuple[list[Case], list[Case]]:
    """Return the cases of ``make test``, and the further ones of ``make soak``."""
    short, _, long = CASES.read_text().partition("\n\n")
    return [Case.parse(line) for line in short.split()], [Case.parse(line) for line in long.split()]


def main() -> None:
    """Choose the cases and write their ids."""
    cases = list(_choose(random.Random(_SEED)))
    short = _short(cases)
    long = [case for case in cases if case not in short]
    CASES.write_text("\n".join(case.id for case in short) + "\n\n" + "\n".join(case.id for case in long) + "\n")
    print(f"{len(short)} cases are in the short matrix; {len(cases)} in all")
    counts = Counter(value for case in cases for value in enumerate(astuple(case)))
    print("used least:", sorted(counts.items(), key=lambda item: item[1])[:12])


def _short(cases: list[Case]) -> list[Case]:
    """Return cases with every value that the short matrix has, as few as a greedy choice needs."""
    left = set().union(*map(short_values, cases))
    short = []
    while left:
        case = max(cases, key=lambda case: len(short_values(case) & left))
        short.append(case)
        left -= short_values(case)
    return short


def short_values(case: Case) -> set[tuple[str, object]]:
    """Return the values of the case, without a rare video codec."""
    return {(name, value) for name, value in asdict(case).items() if name != "video" or value in COMMON_VIDEOS}


def _choose(chance: random.Random) -> Iterator[Case]:
    """Yield cases, each of which adds the most values and pairs of values to the earlier ones."""
    uses: Counter[tuple[int, object]] = Counter()
    pairs: set[Pair] = set()
    chosen: set[Case] = set()
    unwritable: set[Case] = set()

    def gain(case: Case) -> tuple[int, int, int]:
        named = list(enumerate(astuple(case)))
        fresh = sum(uses[value] == 0 for value in named)
        rare = sum(uses[value] < _MIN_USES for value in named)
        return fresh, rare, len(_pairs(case) - pairs)

    while len(chosen) < COUNT:
        candidates = {case for _ in range(_CANDIDATES) if (case := _draw(chance, uses)) is not None}
        ranked = sorted(candidates - chosen - unwritable, key=lambda case: (gain(case), case.id), reverse=True)
        case = next((candidate for candidate in ranked if _held(candidate)), None)
        if case is None:
            continue
        if not is_playable(case):
            print("unwritable:", case.id, flush=True)
            unwritable.add(case)
            continue
        chosen.add(case)
        uses.update(enumerate(astuple(case)))
        pairs |= _pairs(case)
        print(len(chosen), case.id, flush=True)
        yield case


def _pairs(case: Case) -> set[Pair]:
    named = enumerate(astuple(case))
    return {(a, x, b, y) for (a, x), (b, y) in itertools.combinations(named, 2)}


def _draw(chance: random.Random, uses: Counter[tuple[int, object]]) -> Case | None:
    """Return a case of random values, the rarely used ones more often; None if the values exclude each other."""

    def pick(dimension: int, names: Iterable[object]) -> Any:
        choice = sorted(names, key=str)
        return chance.choices(choice, [(1 + uses[dimension, name]) ** -1.5 for name in choice])[0]

    geometry, timing = pick(5, GEOMETRIES), pick(6, TIMINGS)
    if GEOMETRIES[geometry].resized is not None:
        timing = "plain"
    places = set(GEOMETRIES[geometry].containers) & set(TIMINGS[timing].containers)
    videos = set(GEOMETRIES[geometry].videos) & set(TIMINGS[timing].videos)
    if not places or not videos:
        return None
    audio = pick(2, AUDIOS)
    layout, rate = ("mono", 48_000) if audio == "none" else (pick(3, LAYOUTS), pick(4, RATES))
    case = Case(pick(0, places), pick(1, videos), audio, layout, rate, geometry, timing)
    return case if case.allowed and _encodes(audio, layout, rate) else None


def _held(case: Case) -> bool:
    muxer = CONTAINERS[case.container].muxer
    if not _holds_video(muxer, case.video) or not _holds_audio(muxer, case.audio):
        return False
    audio = AUDIOS[case.audio]
    options = ("-c:a", audio.encoder, *audio.options) if audio else ()
    return audio is None or _is_muxed("null", sound(case.layout, case.rate, 0.3), options)


def is_playable(case: Case) -> bool:
    """Ask FFmpeg whether it can write the case and find its frames, its flash and its beep again."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            read = decode(generate(case, Path(folder)))
        except (NotWritten, NotDecoded):
            return False
    flash = flash_time(read)
    if len(read.rgb) != len(read.times) or flash is None:
        return False
    if (np.diff(read.times) < 0).any() and case.timing != "decreasing":
        return False  # FFmpeg shows packed frames of a cut file in a wrong order.
    if case.audio == "none":
        return True
    beep, timing = beep_time(read.mono), TIMINGS[case.timing]
    late = timing.audio_offset - timing.video_offset
    # FFmpeg writes some formats that the container cannot describe, such as 7.1 channels into FLV.
    described = read.sound.shape[1] == len(LAYOUTS[case.layout].split("+"))
    described = described and read.sound_rate in (case.rate, 48_000)
    shown = min(timing.audio_seconds or timing.seconds, timing.ends or 10.0) - (timing.cut or 0.0)
    described = described and len(read.sound) > 0.8 * shown * read.sound_rate
    return described and beep is not None and (bool(timing.default) or abs(beep - flash - late) < 0.25)


@cache
def _holds_video(muxer: str, name: str) -> bool:
    video = VIDEOS[name]
    pixels = ("-pix_fmt", video.pixels) if video.pixels else ()
    return _is_muxed(muxer, picture(video.size, RATE, 0.12), ("-c:v", video.encoder, *video.options, *pixels))


@cache
def _holds_audio(muxer: str, name: str) -> bool:
    audio = AUDIOS[name]
    if audio is None:
        return True
    # FLV holds some codecs at some rates only.
    for layout, rate in itertools.product(("stereo", "mono"), (44100, 48000, 8000, 16000)):
        if _encodes(name, layout, rate):
            options = ("-c:a", audio.encoder, *audio.options)
            if _is_muxed(muxer, sound(layout, rate, 0.3), options):
                return True
    return False


@cache
def _is_muxed(muxer: str, source: str, options: tuple[str, ...]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, *options, "-strict", "-2"]
        return run([*command, "-f", muxer, str(Path(folder) / "clip")]).returncode == 0


@cache
def _encodes(audio: str, layout: str, rate: int) -> bool:
    """Ask FFmpeg for the encoder's layouts and rates; one that lists none supports every one."""
    encoder = AUDIOS[audio]
    if encoder is None:
        return (layout, rate) == ("mono", 48000)
    rates, layouts = _supported(encoder.encoder)
    return (not rates or rate in rates) and (not layouts or layout in layouts)


@cache
def _supported(encoder: str) -> tuple[frozenset[int], frozenset[str]]:
    text = run(["ffmpeg", "-hide_banner", "-h", f"encoder={encoder}"]).stdout.decode()
    rates = re.search(r"Supported sample rates: (.*)", text)
    layouts = re.search(r"Supported channel layouts: (.*)", text)
    return (
        frozenset(int(rate) for rate in rates[1].split()) if rates else frozenset(),
        frozenset(layouts[1].split()) if layouts else frozenset(),
    )


if __name__ == "__main__":
    main()
