"""The comparison of a subject with the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from tests.sightline.media.conformance.generate import BEEP_HERTZ
from tests.sightline.media.conformance.reference import MONO_RATE, NotDecoded, Reference, decode
from tests.sightline.media.conformance.subject import Reader, Subject
from tests.sightline.media.conformance.values import LAYOUTS

MIN_SIMILARITY = 0.95
MAX_SYNC_ERROR = 0.020
MAX_TIME_ERROR = 0.001
MAX_LOUDNESS_ERROR = 1.0
MAX_CHANNEL_ERROR = 3.0
MAX_COLOUR_ERROR = 16.0
"""SSIM, seconds, seconds, decibels, decibels, mean of a channel's differences of 0..255."""

_LUMA = np.array([0.299, 0.587, 0.114])

CHECKS = ("accepted", "size", "duration", "frames", "times", "picture", "sync", "loudness", "mono")

_FREE = 0.3
"""Share of the height, at the top or at the bottom, that the banner does not cover."""


def compare(path: Path, reader: Reader) -> dict[str, str]:
    """Return what differs between FFmpeg's and the reader's view of a file: check (of :data:`CHECKS`) → description."""
    try:
        subject = reader(path)
    except Exception as error:  # Whatever the program raises is what a user would see.
        return {"accepted": f"{type(error).__name__}: {error}"}
    try:
        copy = decode(subject.copy)
    except NotDecoded as error:
        return {"accepted": f"the copy cannot be decoded: {error}"}
    source = decode(path, (subject.width, subject.height), copy.layout or None)
    if len(subject.times) < len(source.times):
        source = source.without_hidden()
    found = {
        "size": _size(subject, source, copy),
        "duration": _duration(subject, source, copy),
        "frames": _frames(subject, source, copy),
        "times": _times(subject, source),
        "picture": _picture(subject, source, copy),
        "sync": _sync(subject, source, copy),
        "loudness": _loudness(source, copy),
        "mono": _mono(subject, source),
    }
    return {check: text for check, text in found.items() if text}


def _size(subject: Subject, source: Reference, copy: Reference) -> str | None:
    width, height = subject.width, subject.height
    if min(abs(width - height * source.aspect), abs(height - width / source.aspect)) > 1:
        return f"{width}x{height} for {source.width}x{source.height} with aspect ratio {source.aspect:.3f}"
    if max(width - source.width, height - source.height) < -1:
        return f"{width}x{height} is smaller than {source.width}x{source.height}"
    if (
        abs(copy.width - width) > 1
        or abs(copy.height - height) > 1
        or abs(copy.aspect - copy.width / copy.height) > 0.01
    ):
        return f"the copy is {copy.width}x{copy.height} with aspect ratio {copy.aspect:.3f}, not {width}x{height}"
    return None


def _duration(subject: Subject, source: Reference, copy: Reference) -> str | None:
    # The last block of sound is filled up by the encoder, and cut only by some players.
    tolerance = max(source.frame_seconds, source.block_seconds) + MAX_TIME_ERROR
    if abs(subject.duration - source.duration) > tolerance:
        return f"{subject.duration:.3f} s for {source.duration:.3f} s"
    if abs(copy.duration - source.duration) > tolerance + copy.block_seconds:
        return f"the copy has {copy.duration:.3f} s for {source.duration:.3f} s"
    return None


def _frames(subject: Subject, source: Reference, copy: Reference) -> str | None:
    counts = len(source.rgb), len(subject.times), len(copy.rgb)
    return None if len(set(counts)) == 1 else f"{counts[1]} frames, {counts[2]} in the copy, for {counts[0]}"


def _times(subject: Subject, source: Reference) -> str | None:
    if len(subject.times) != len(source.times):
        return None
    if (np.diff(subject.times) < 0).any():
        return "the times decrease"
    expected, tolerance = source.times, MAX_TIME_ERROR
    if (np.diff(expected) <= 0).any():  # Such times are adjusted.
        expected, tolerance = np.maximum.accumulate(expected), source.frame_seconds
    errors = np.abs(subject.times - expected)
    worst = int(errors.argmax())
    if errors[worst] <= tolerance + 1e-6:
        return None
    return f"frame {worst} is at {subject.times[worst]:.4f} s for {expected[worst]:.4f} s"


def _picture(subject: Subject, source: Reference, copy: Reference) -> str | None:
    count = min(len(source.rgb), len(copy.rgb))
    for index in sorted(index for index in subject.rgb if index < count):
        expected = source.rgb[index]
        if subject.rgb[index].shape != expected.shape:
            return f"frame {index} has shape {subject.rgb[index].shape} for {expected.shape}"
        if text := _unlike(subject.rgb[index], expected):
            return f"frame {index}: {text}"
        rows, columns = (min(a, b) for a, b in zip(copy.rgb[index].shape[:2], expected.shape[:2], strict=True))
        free = round(rows * _FREE)
        parts = (slice(0, free), slice(rows - free, rows))
        drawn, plain = copy.rgb[index][:rows, :columns], expected[:rows, :columns]
        unlike = [_unlike(drawn[part], plain[part]) for part in parts]
        if all(unlike):
            return f"frame {index} of the copy: {' and '.join(map(str, unlike))}"
    return None


def _unlike(image: NDArray[np.uint8], expected: NDArray[np.uint8]) -> str | None:
    """Return how the brightness or the colours differ; None if a person would see the same."""
    grey, expected_grey = (picture.astype(float) @ _LUMA for picture in (image, expected))
    similarity = float(structural_similarity(grey, expected_grey, data_range=255))  # type: ignore[no-untyped-call]
    if similarity < MIN_SIMILARITY:
        return f"SSIM {similarity:.3f}"
    if (error := float(np.abs(image.astype(float) - expected).mean(axis=(0, 1)).max())) > MAX_COLOUR_ERROR:
        return f"a colour is {error:.0f} levels off"
    return None


def _sync(subject: Subject, source: Reference, copy: Reference) -> str | None:
    if not len(source.mono):
        return None
    beep, flash = beep_time(source.mono), flash_time(source)
    if beep is None or flash is None:
        return "the reference has no beep or no flash"
    copied = beep_time(copy.mono), flash_time(copy)
    if copied[0] is None or copied[1] is None:
        return "the copy has no beep or no flash"
    error = (copied[0] - copied[1]) - (beep - flash)
    return None if abs(error) <= MAX_SYNC_ERROR else f"the sound of the copy is {1000 * error:+.0f} ms off"


def _loudness(source: Reference, copy: Reference) -> str | None:
    if copy.channels < min(source.channels, 2):
        return f"the copy has {copy.channels} channels for {source.channels}"
    if not source.channels:
        return None
    # ITU-R BS.1770 leaves out the channel of low frequencies, which few encoders keep at low rates.
    names = LAYOUTS.get(copy.layout, "").split("+")
    heard = [index for index in range(copy.sound.shape[1]) if names[index : index + 1] != ["LFE"]]
    expected, found = (_levels(read.sound[:, heard], read.sound_rate) for read in (source, copy))
    if abs(error := _total(found) - _total(expected)) > MAX_LOUDNESS_ERROR:
        return f"the copy is {error:+.1f} dB off"
    # A channel may lose more: the encoder saves where a louder channel masks it.
    errors = found - expected
    worst = int(np.abs(errors).argmax())
    if abs(errors[worst]) > MAX_CHANNEL_ERROR:
        return f"channel {heard[worst]} of the copy is {errors[worst]:+.1f} dB off"
    return None


def _total(levels: NDArray[np.float64]) -> float:
    return float(10 * np.log10((10 ** (levels / 10)).sum()))


def _levels(sound: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """Return the energy of each channel of ``sound``, shape = (n, channels), in dB.

    The energy, not the mean power: silence that an encoder appends does not count. Below that of a quiet noise, all
    levels are equal.
    """
    return np.asarray(10 * np.log10(np.maximum((sound**2).sum(0) / rate, 1e-5)))


def _mono(subject: Subject, source: Reference) -> str | None:
    if bool(len(subject.mono)) != bool(len(source.mono)):
        return f"{len(subject.mono)} samples for {len(source.mono)}"
    if not len(source.mono):
        return None
    if (peak := np.abs(subject.mono).max()) > 1:
        return f"the samples reach {peak:.2f}"
    found, expected = (float(_levels(samples[:, None], MONO_RATE)[0]) for samples in (subject.mono, source.mono))
    if abs(found - expected) > MAX_LOUDNESS_ERROR:
        return f"the samples are {found - expected:+.1f} dB off"
    beeps = beep_time(subject.mono), beep_time(source.mono)
    if beeps[0] is None or beeps[1] is None or abs(beeps[0] - beeps[1]) > MAX_SYNC_ERROR:
        return f"the beep is at {beeps[0]} s for {beeps[1]} s"
    return None


def flash_time(reference: Reference) -> float | None:
    """Return the time of the first white frame, by the part that no banner covers; None if there is none."""
    free = round(reference.rgb.shape[1] * _FREE)
    means = [max(image[:free].mean(), image[-free:].mean()) for image in reference.rgb]
    usual = float(np.median(means))
    if max(means) < usual + 40 or len(means) != len(reference.times):
        return None
    level = (max(means) + usual) / 2
    return float(reference.times[next(index for index, mean in enumerate(means) if mean > level)])


def beep_time(mono: NDArray[np.float64]) -> float | None:
    """Return the second at which the beep begins; None if there is none. Other pitches do not count."""
    if not len(mono):
        return None
    hop, window = MONO_RATE // 1000, MONO_RATE // 100
    turned = mono * np.exp(-2j * np.pi * BEEP_HERTZ / MONO_RATE * np.arange(len(mono)))
    power = np.abs(np.convolve(turned, np.ones(window) / window, mode="same"))[::hop] ** 2
    if power.max() < 1e-4:
        return None
    return int(np.argmax(power > power.max() / 4)) * hop / MONO_RATE
