"""Voices for composed dialogues: recordings of real people in Debian's packages, and synthesized ones.

The packages are asterisk-core-sounds-{en,fr,it,ru}-g722, asterisk-prompt-it-menardi-wav and fillets-ng-data-{cs,nl}
(`apt-get download` and `dpkg -x PACKAGE FOLDER`). Flite and espeak-ng synthesize the others; they have to be installed.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
Samples = NDArray[np.float32]

_SHARE = Path("usr/share")
_RECORDED = {
    "Allison (English)": "asterisk/sounds/en_US_f_Allison/**/*.g722",
    "June (French)": "asterisk/sounds/fr_CA_f_June/**/*.g722",
    "Carlo (Italian)": "asterisk/sounds/it_IT_m_Carlo/**/*.g722",
    "Menardi (Italian)": "asterisk/sounds/it_IT_f_Menardi/**/*.wav",
    "Ivrvoice (Russian)": "asterisk/sounds/ru_RU_f_IvrvoiceRU/**/*.g722",
    "small fish (Czech)": "games/fillets-ng/sound/*/cs/*-m-*.ogg",
    "big fish (Czech)": "games/fillets-ng/sound/*/cs/*-v-*.ogg",
    "small fish (Dutch)": "games/fillets-ng/sound/*/nl/*-m-*.ogg",
    "big fish (Dutch)": "games/fillets-ng/sound/*/nl/*-v-*.ogg",
}
_FLITE = ("slt", "rms", "awb", "kal16")
_ESPEAK = ("en-gb+m3", "en-us+f2", "en-gb-scotland+m7", "de+f4", "en-us+m1", "fr+f5")
SENTENCES = (
    "Good morning, did you sleep well last night?",
    "I had a dream about the garden behind the old house.",
    "The doctor will come by in about half an hour.",
    "Could you open the window a little, please?",
    "There is some tea on the table, and a piece of bread.",
    "We went for a long walk along the river yesterday.",
    "My daughter called, she wants to visit us on Sunday.",
    "It has been raining since early in the morning.",
    "Let me have a look at your arm before we go on.",
    "I would rather stay here and read the newspaper.",
    "Tell me a bit about what you did when you were young.",
    "The music in the hall was louder than last week.",
    "Nobody has told me when the next appointment is.",
    "That sounds like a good plan for the afternoon.",
)
_SHORTEST, _LONGEST = 1.0, 7.0


@cache
def voices(packages: Path) -> dict[str, tuple[Samples, ...]]:
    """Return utterances of 1 to 7 s by the name of their voice, without silence around them, equally loud."""
    found: dict[str, tuple[Samples, ...]] = {}
    for name, pattern in _RECORDED.items():
        files = sorted((packages / _SHARE).glob(pattern))
        if not files:
            raise SystemExit(f"{packages / _SHARE / pattern}: no such files. {__doc__}")
        random.Random(0).shuffle(files)
        found[name] = _usable((read(file) for file in files), 40)
    for voice in _FLITE:
        found[f"flite {voice}"] = _spoken(["flite", "-voice", voice, "-o", "/dev/stdout"], "-t")
    for voice in _ESPEAK:
        found[f"espeak-ng {voice}"] = _spoken(["espeak-ng", "-v", voice, "--stdout"])
    return found


def read(source: Path | bytes) -> Samples:
    """Return the samples of a file, mono, ``RATE`` a second."""
    import io

    import av

    blocks: list[Samples] = []
    kind = "g722" if isinstance(source, Path) and source.suffix == ".g722" else None
    with av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source), "r", format=kind) as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        for frame in container.decode(audio=0):
            blocks += [block.to_ndarray()[0] for block in resampler.resample(frame)]
        blocks += [block.to_ndarray()[0] for block in resampler.resample(None)]
    return np.concatenate(blocks).astype(np.float32) if blocks else np.zeros(0, np.float32)


def speech_mask(samples: Samples) -> NDArray[np.bool_]:
    """Return which steps of 10 ms of a clean recording are speech: within 35 dB of the loudest, pauses below .3 s too.

    It needs no model, so that the truth does not come from a detector like the one under test.
    """
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    level = 10 * np.log10((frames.astype(np.float64) ** 2).mean(axis=1) + 1e-10)
    loud = level > np.percentile(level, 98) - 35 if len(level) else np.zeros(0, np.bool_)
    places = np.flatnonzero(loud)
    for before, after in pairwise(places):
        if after - before <= 30:
            loud[before:after] = True
    return loud


def _usable(recordings: Iterator[Samples], most: int) -> tuple[Samples, ...]:
    kept: list[Samples] = []
    for samples in recordings:
        places = np.flatnonzero(speech_mask(samples))
        if not len(places):
            continue
        cut = samples[places[0] * 160 : (places[-1] + 1) * 160]
        if _SHORTEST <= len(cut) / RATE <= _LONGEST:
            kept.append(cut * np.float32(0.08 / np.sqrt((cut.astype(np.float64) ** 2).mean())))
        if len(kept) == most:
            break
    return tuple(kept)


def _spoken(command: list[str], *option: str) -> tuple[Samples, ...]:
    if not shutil.which(command[0]):
        raise SystemExit(f"{command[0]} is not installed. {__doc__}")
    calls = (subprocess.run([*command, *option, text], capture_output=True, check=True) for text in SENTENCES)
    return _usable((read(call.stdout) for call in calls), len(SENTENCES))
