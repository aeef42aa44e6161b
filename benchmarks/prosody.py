"""How exact the prosody is, and which sounds are taken for voice without words. Run by ``make bench``.

- Pitch, its slope, syllables and pauses of synthesized babble, and jitter, shimmer and the ratio of harmonics to noise
  of synthesized vowels, against their known values: the median error, and the worst.
- Laughs, moans and other cries of real people: the share that is found, alone and 20 and 10 dB above noise.
- False alarms per hour: in generated noise, tones, beeps, a fan, footsteps and a melody; in real music and sounds of
  things; and in speech whose words are known, with times that are wrong by 0.1 s.
- Processor seconds for a minute of speech, music and noise.

The real sounds are those of Debian's packages hedgewars-data and wesnoth-1.16-data (and -music); what is not installed
is named and left out. The limits were chosen on the former. Clips that are voices, or nearly (animals), are no things.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks._vowels import RATE, SOUNDS, babble, silence
from sightline.speech import Segment, Transcript, describe_voice, measure_voice, track_voice
from sightline.speech.periods import find_periods
from sightline.speech.transcript import Word

OUT = Path(__file__).parent / "out"
GAMES = Path("/usr/share/games")
_HOP = 256
_CRIES = {"laughs": "Laugh", "moans": "PoisonMoan", "ouch": "Ouch", "hmm": "Hmm"}
_THINGS = (
    "*[0-9][A-G].ogg", "airmine*", "baseball*", "blowtorch*", "bump*", "cake*", "drill*", "explosion*", "grenade*",
    "gun*", "hammer*", "mine*", "mortar*", "Parachute*", "piano*", "pickhammer*", "ropeattach*", "shotgun*", "sniper*",
    "splash*", "steam*", "switch*", "vaporize*", "whip*",
)  # fmt: skip
_WESNOTH_THINGS = (
    "axe*", "bow*", "club*", "crossbow*", "dagger*", "fire*", "hatchet*", "heal*", "mace*", "sling*", "spear*",
    "staff*", "sword*", "torch*", "water*", "wind*", "rain*", "thunder*", "gun*", "magic*",
)  # fmt: skip


def main() -> None:
    """Measure, print the figures, and write them to ``benchmarks/out/prosody.json``."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--games", type=Path, default=GAMES, help="folder with hedgewars and wesnoth")
    arguments.add_argument("--speech", type=Path, help="folder with jfk.flac")
    given = arguments.parse_args()
    result = {
        "errors": dict(_errors()),
        "found": dict(_recall(given.games)),
        "false_alarms": dict(_false_alarms(given.games, given.speech)),
        "seconds_per_minute": dict(_cost()),
    }
    OUT.mkdir(exist_ok=True)
    (OUT / "prosody.json").write_text(json.dumps(result, indent=2))


def _errors() -> Iterator[tuple[str, tuple[float, float]]]:
    errors: dict[str, list[float]] = {}

    def note(name: str, value: float | None, truth: float) -> None:
        errors.setdefault(name, []).append(math.inf if value is None else abs(value - truth))

    for pitch in (90, 120, 160, 200, 250, 300, 400):
        for noise in (30, 20, 10):
            for slope in (-4, 0, 4):
                glide = partial(_glide, pitch, slope)
                part = babble(
                    glide, 2, jitter=0.005, shimmer=0.03, noise_db=noise, syllables=3 + pitch % 3, seed=pitch
                ).samples
                sound = np.concatenate([silence(0.5), part, silence(0.8), part, silence(0.5)])
                segments = Segment(start=0.4, end=5.5, text="all"), Segment(start=0.4, end=2.6, text="one")
                voice = measure_voice([_with_noise(sound, 60)], _transcript(*segments))
                both, one = (spoken.prosody for spoken in voice.utterances)
                middle = _glide(pitch, slope, 1)
                note("pitch, cents", 1200 * math.log2((one.pitch_median_hz or math.nan) / middle), 0)
                note("pitch slope, semitones/s", one.pitch_slope_semitones_per_second, slope)
                note("pauses, s in all", (both.pause_count or 0) * (both.pause_mean_seconds or 0), 0.8)
                note("syllables/s", one.rate_syllables_per_second, 3 + pitch % 3)
    for pitch in (90, 120, 160, 200, 250):
        for jitter, shimmer, below in ((0.005, 0, None), (0.01, 0, None), (0.02, 0, None), (0, 0.03, None),
                                       (0, 0.08, None), (0, 0, 30), (0, 0, 20), (0, 0, 10)):  # fmt: skip
            vowel = babble(pitch, 3, syllables=0, jitter=jitter, shimmer=shimmer, noise_db=below)
            samples = vowel.samples.astype(np.float64)
            periods = find_periods(samples, RATE, np.full(len(samples) // _HOP, float(pitch)), _HOP)
            if jitter:
                note("jitter, share of it", periods.jitter / vowel.jitter, 1)
            elif shimmer:
                note("shimmer, share of it", periods.shimmer / vowel.shimmer, 1)
            elif below:
                note("harmonics to noise, dB", periods.harmonics_to_noise, below)
    for name, values in errors.items():
        median, worst = statistics.median(values), max(values)
        print(f"{name:28s} median error {median:7.3f}, worst {worst:7.3f} of {len(values)}")
        yield name, (median, worst)


def _glide(pitch: float, slope: float, seconds: float) -> float:
    return float(pitch * 2 ** (slope * seconds / 12))


def _recall(games: Path) -> Iterator[tuple[str, dict[str, float]]]:
    clips = {name: sorted(games.glob(f"hedgewars/Data/Sounds/voices/*/{file}.ogg")) for name, file in _CRIES.items()}
    clips["hurt (not used for limits)"] = sorted(games.glob("wesnoth/*/data/core/sounds/human-*.ogg"))
    for name, files in clips.items():
        if not files:
            print(f"{name:28s} not measured: not in {games}")
            continue
        sounds = _distinct(files)
        shares = {}
        for above in (60, 20, 10):
            found, certain = _found(sounds, above)
            shares[f"{above} dB"] = found / len(sounds)
            print(f"{name:28s} {above} dB above noise: found {found} of {len(sounds)}, {certain} of them certain")
        yield name, shares


def _found(sounds: list[NDArray[np.float32]], above: float) -> tuple[int, int]:
    """Return how many sounds are found, and how many as certain, in a recording of all with noise."""
    parts, spans, position = [silence(1)], [], 1.0
    for sound in sounds:
        spans.append((position, position + len(sound) / RATE))
        parts += [sound, silence(1)]
        position = spans[-1][1] + 1
    voice = measure_voice([_with_noise(np.concatenate(parts), above)], _transcript())
    heard = [[v for v in voice.vocalisations if v.start < end and v.end > start] for start, end in spans]
    return sum(map(bool, heard)), sum(any(v.certain for v in found) for found in heard)


def _false_alarms(games: Path, speech: Path | None) -> Iterator[tuple[str, float]]:
    random = np.random.default_rng(0)
    for name, make in SOUNDS.items():
        yield from _alarms(name, [make(600, random).astype(np.float32)])
    real = {
        "music (hedgewars)": sorted(games.glob("hedgewars/Data/Music/*.ogg")),
        "music (wesnoth, not used)": sorted(games.glob("wesnoth/*/data/core/music/*.ogg")),
        "things (hedgewars)": [f for p in _THINGS for f in sorted(games.glob(f"hedgewars/Data/Sounds/{p}"))],
        "things (wesnoth, not used)": [
            f for p in _WESNOTH_THINGS for f in sorted(games.glob(f"wesnoth/*/data/core/sounds/{p}"))
        ],
    }
    for name, files in real.items():
        if files:
            yield from _alarms(name, [part for file in files for part in (_load(file)[: 120 * RATE], silence(0.5))])
        else:
            print(f"{name:28s} not measured: not in {games}")
    if speech:
        yield from _alarms("speech with its words", [_load(speech / "jfk.flac")], _JFK)


def _alarms(
    name: str, sounds: list[NDArray[np.float32]], spoken: Iterable[tuple[float, float]] = ()
) -> Iterator[tuple[str, float]]:
    random = np.random.default_rng(0)
    words = [
        Word(text="word", start=start + shift, end=end + shift)
        for (start, end), shift in zip(spoken, random.uniform(-0.1, 0.1, 99), strict=False)
    ]
    segments = [Segment(start=word.start, end=word.end, text="word", words=(word,)) for word in words]
    track = track_voice(sounds)
    alarms = describe_voice(track, _transcript(*segments)).vocalisations
    seconds = sum(map(len, sounds)) / RATE
    certain = sum(alarm.certain for alarm in alarms)
    print(f"{name:28s} {len(alarms)} false alarms in {seconds:.0f} s, {certain} of them certain")
    yield name, 3600 * len(alarms) / seconds


# Heard and seen in the waveform.
_JFK = ((0.32, 2.2), (3.3, 4.4), (5.4, 7.6), (8.2, 10.5))


def _cost() -> Iterator[tuple[str, float]]:
    random = np.random.default_rng(0)
    sounds = {
        "speech": babble(150, 60, noise_db=30).samples,
        "music": SOUNDS["melody"](60, random).astype(np.float32),
        "noise": SOUNDS["noise"](60, random).astype(np.float32),
    }
    track_voice([sounds["speech"][: 2 * RATE]])  # loads the models
    for name, sound in sounds.items():
        seconds = []
        for _ in range(3):
            start = time.process_time()
            track_voice([sound])
            seconds.append(time.process_time() - start)
        print(f"{name:28s} {statistics.median(seconds):.2f} processor seconds per minute")
        yield name, statistics.median(seconds)


def _transcript(*segments: Segment) -> Transcript:
    return Transcript(segments=segments, language=None, engine="file", model="known")


def _with_noise(sound: NDArray[np.float32], above: float) -> NDArray[np.float32]:
    """Add white noise whose power is ``above`` dB below that of the sound where it is heard."""
    heard = sound[np.abs(sound) > 1e-3]
    noise = np.random.default_rng(0).normal(scale=heard.std() * 10 ** (-above / 20), size=len(sound))
    return np.asarray((sound + noise).clip(-1, 1), np.float32)


def _distinct(files: Iterable[Path]) -> list[NDArray[np.float32]]:
    """Return the sounds of the files; voice packs share some."""
    return list({sound.tobytes(): sound for sound in map(_load, files)}.values())


def _load(path: Path) -> NDArray[np.float32]:
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        frames = [*container.decode(audio=0), None]
        return np.concatenate([part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)])


if __name__ == "__main__":
    main()
