"""Whether a transcript belongs to a video: by the end of the video, and by when somebody speaks in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.errors import InvalidTranscript
from sightline.speech.activity import ACTIVITY_STEP
from sightline.speech.transcript import Segment, Transcript

# Seconds. Captions often stay until the last sound has faded.
_LATE_END = 1.0

# Seconds of speech, of words, of pauses and of time without words; with less, chance decides whether they match.
_ENOUGH = 1.0

# Seconds. Captions are put up to half a second before or after the words; less than a second is not called a shift.
_TOLERANCE = 0.5
_SHIFT = 1.0

# Pearson's correlations of words with speech. That of another video's transcript is rarely above 0.2, or, in a long
# video, above four standard deviations over all shifts. That of a transcript that fits is rarely below 0.4.
_UNRELATED = 0.2
_UNRELATED_DEVIATIONS = 4.0
_RELATED = 0.4
_CLEARLY_BETTER = 0.25

# Steps that are transformed at once.
_BLOCK = 1 << 14


@dataclass(frozen=True, slots=True)
class FittedTranscript:
    """A transcript without the segments that begin after the video's end, and what is doubtful about it."""

    transcript: Transcript
    warnings: tuple[str, ...] = ()

    @classmethod
    def heard(cls, transcript: Transcript) -> FittedTranscript:
        """Return the transcript of the video's own sound, which fits."""
        return cls(transcript, transcript.warnings)


def fit(transcript: Transcript, duration: float, activity: NDArray[np.bool_] | None) -> FittedTranscript:
    """Compare ``transcript`` with a video of ``duration`` seconds; no segment is moved or cut.

    ``activity`` is the result of ``speech_activity`` for the video's sound, shape = (n,), or None if it has no sound;
    then the words are not compared. Raises ``InvalidTranscript`` if more than half of the words' time is after the end.
    """
    after_end = _time_after_end(transcript.segments, duration)
    if after_end > 0.5:
        raise InvalidTranscript(
            transcript.model,
            f"{after_end:.0%} of its time is after the end of the video at {duration:.2f} s",
            "Give the transcript of this video",
        )
    kept = tuple(segment for segment in transcript.segments if segment.start < duration)
    warnings = list(_describe_end(transcript.segments, kept, duration))
    if activity is not None:
        warnings += _describe_activity(transcript.segments, activity)
    return FittedTranscript(transcript.model_copy(update={"segments": kept}), tuple(warnings))


def _time_after_end(segments: tuple[Segment, ...], duration: float) -> float:
    """Return the share of the segments' time that is after the end; a segment counts as 0.1 s at least."""
    lengths = [max(segment.end - segment.start, 0.1) for segment in segments]
    late = [
        length if segment.start >= duration else max(segment.end - duration, 0.0)
        for segment, length in zip(segments, lengths, strict=True)
    ]
    return sum(late) / sum(lengths) if segments else 0.0


def _describe_end(segments: tuple[Segment, ...], kept: tuple[Segment, ...], duration: float) -> Iterator[str]:
    if dropped := len(segments) - len(kept):
        yield (
            f"{dropped} of {len(segments)} segments of the transcript begin after the end of the video "
            f"at {duration:.2f} s and were left out"
        )
    last = max((segment.end for segment in kept), default=0.0)
    if last > duration + _LATE_END:
        yield f"the transcript's words end {last - duration:.1f} s after the end of the video at {duration:.2f} s"


def _describe_activity(segments: tuple[Segment, ...], activity: NDArray[np.bool_]) -> Iterator[str]:
    words = _words_by_step(segments, len(activity))
    speech = float(activity.sum() * ACTIVITY_STEP)
    spoken = float(words.sum() * ACTIVITY_STEP)
    if speech < _ENOUGH or spoken < _ENOUGH:
        if spoken >= _ENOUGH:
            yield (
                f"the transcript has {spoken:.1f} s of words, but in the sound {speech:.1f} s are speech; "
                "it may belong to another video"
            )
        elif speech >= _ENOUGH:
            yield f"the sound has {speech:.1f} s of speech, but the transcript has {spoken:.1f} s of words"
        return
    heard = words[: len(activity)]
    if min((~activity).sum(), (~heard).sum()) * ACTIVITY_STEP < _ENOUGH:
        return  # without pauses, every transcript matches
    shifts, correlations = _correlations(words, activity)
    if not len(correlations):
        return
    here = float(correlations[np.abs(shifts) <= _TOLERANCE].max(initial=-1.0))
    best = int(correlations.argmax())
    share = float((heard & activity).sum() / activity.sum())
    finding = f"the transcript has words at {share:.0%} of the speech; it may belong to another video"
    if correlations[best] >= max(_RELATED, here + _CLEARLY_BETTER):
        if abs(shifts[best]) >= _SHIFT:
            yield f"{finding}, or be {abs(shifts[best]):.1f} s too {'late' if shifts[best] > 0 else 'early'}"
    elif here < min(_UNRELATED, _UNRELATED_DEVIATIONS * float(correlations.std())):
        yield finding


def _words_by_step(segments: tuple[Segment, ...], steps: int) -> NDArray[np.bool_]:
    """Return whether there are words, shape = (at least ``steps``,)."""
    spans = [
        (span.start, span.end)
        for segment in segments
        for span in (segment.words or (segment,))
    ]  # fmt: skip
    last = max((end for _, end in spans), default=0.0)
    words = np.zeros(max(steps, min(int(last / ACTIVITY_STEP) + 1, 2 * steps)), np.bool_)
    for start, end in spans:
        words[int(start / ACTIVITY_STEP) : int(np.ceil(end / ACTIVITY_STEP))] = True
    return words


def _correlations(
    words: NDArray[np.bool_], activity: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return shifts in seconds, and Pearson's correlation of the words with the speech for each.

    A positive shift compares the speech with later words. Only shifts with nine tenths of the most words that can
    be inside the sound are compared.
    """
    n = len(activity)
    padded = np.concatenate([np.zeros(n, np.bool_), words, np.zeros(n, np.bool_)])
    both = _count_both(padded, activity) / n
    sums = np.concatenate([np.zeros(1, np.int32), padded.cumsum(dtype=np.int32)])
    inside = (sums[n:] - sums[:-n]) / n
    speech = activity.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        correlations = (both - inside * speech) / np.sqrt(inside * (1 - inside) * speech * (1 - speech))
    shifts = (np.arange(len(correlations)) - n) * ACTIVITY_STEP
    usable = (inside >= 0.9 * inside.max()) & (inside < 1 - 0.5 / n)
    return shifts[usable], correlations[usable]


def _count_both(words: NDArray[np.bool_], activity: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the number of steps with both for every shift: shape = (m - n + 1,) for shapes (m,) and (n,).

    It is computed in blocks: transforms of two hours at once take 50 MB.
    """
    n, count = len(activity), len(words) - len(activity) + 1
    size = min(_BLOCK, 1 << (n - 1).bit_length())
    blocks = [np.conj(np.fft.rfft(activity[first : first + size], 2 * size)) for first in range(0, n, size)]
    found = np.empty(count)
    for start in range(0, count, size):
        spectrum = np.zeros(size + 1, np.complex128)
        for first, block in zip(range(start, start + n, size), blocks, strict=True):
            spectrum += np.fft.rfft(words[first : first + 2 * size], 2 * size) * block
        own = found[start : start + size]
        own[:] = np.fft.irfft(spectrum, 2 * size)[: len(own)]
    return np.rint(found)
