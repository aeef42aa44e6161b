"""Speaker turns: which of the voices in a recording speaks when.

Speech stretches come from the voice activity model. Windows of 1.5 s inside of them are embedded, and clustered by
their cosine similarity; the similarity at which two clusters are one voice also determines the number of voices. Then
every step of 0.25 s gets the voice that its windows are most like, or none if two voices are about as likely.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat

from sightline.progress import Progress
from sightline.speech.activity import ACTIVITY_STEP
from sightline.speech.sound import SAMPLE_RATE
from sightline.speech.stretches import stretches
from sightline.speech.voices import check_voices, embed

Floats = NDArray[np.float32]
Numbers = NDArray[np.int_]

TURN_STEP = 0.25
"""Seconds from one value of the turns to the next."""

_WINDOW = 1.5
_HOP = 0.5
_SHORTEST = 0.5
"""Seconds of a stretch of speech from which a voice can be told at all."""
_RELIABLE = 1.0
"""Seconds of a window that takes part in the clustering."""
_PAUSE = 0.3
"""Seconds of a pause within a stretch of speech."""
_BATCH = 64

_MOST_CLUSTERED = 1500
"""Windows that are clustered: in a longer recording, neighbours that are alike are joined before."""
_SAME_VOICE = 0.36
"""The mean cosine of the windows of two clusters above which they are one voice; chosen on benchmarks/speakers.py."""
_SHORTEST_VOICE = 4.0
"""Seconds of speech of a voice; a cluster of less may be a mixture of two voices, or one in another mood."""
_DIFFERENT = 0.3
"""The cosine with every other voice below which a cluster is a voice even if it is that short: "Yes." of a patient."""
_MARGIN = 0.05
"""The cosine by which a voice has to be the most similar one."""
_SIMILAR = 0.25
"""The least cosine of a step with its voice."""

_RECOGNISED = 0.65
"""The cosine with a person's voice in other recordings from which on a voice is theirs."""
_DISTINCTIVE = 0.2
"""How much more similar it has to be than the other voices of the recording."""
_KNOWN_SECONDS = 5.0
"""Seconds of a voice that can be recognised."""


class Voice(BaseModel):
    """One voice of a recording: its number, from 1, its seconds of speech, and its embedding, 192 numbers."""

    model_config = ConfigDict(frozen=True)

    number: Annotated[int, Field(ge=1)]
    seconds: NonNegativeFloat
    embedding: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Speakers:
    """The voices of a recording, in the order of their first words, and who speaks when.

    ``turns``, shape = (n,), has the number of a voice for every ``TURN_STEP`` seconds, 0 for nobody or unknown.
    """

    turns: Numbers
    voices: tuple[Voice, ...]

    @classmethod
    def nobody(cls) -> Speakers:
        """Return the speakers of a recording without speech."""
        return cls(np.zeros(0, np.int_), ())


def recognise(voices: Sequence[Voice], known: Sequence[Voice]) -> int | None:
    """Return the number of the one of ``voices`` that is the ``known`` one; None if none is, or two may be.

    ``known``: the voice of one person in other recordings.
    """
    if not voices or not known:
        return None
    centroid = _unit(np.sum([voice.embedding for voice in known], axis=0))
    scores = np.array([voice.embedding for voice in voices], np.float32) @ centroid
    best, *others = np.argsort(-scores)
    is_distinctive = not others or scores[best] - scores[others[0]] >= _DISTINCTIVE
    is_known = scores[best] >= _RECOGNISED and voices[best].seconds >= _KNOWN_SECONDS
    return voices[best].number if is_known and is_distinctive else None


class _Window(NamedTuple):
    start: float
    end: float


def find_speakers(blocks: Iterable[Floats], activity: NDArray[np.bool_], progress: Progress | None = None) -> Speakers:
    """Return the speakers of a recording.

    ``blocks``: consecutive mono samples in -1..1, shape = (m,), ``SAMPLE_RATE`` a second. ``activity``: the result of
    ``speech_activity`` for them. One block, 64 windows and their embeddings are in memory. Raises
    ``InvalidSetting`` if the packages of the extra ``speakers`` are not installed.
    """
    check_voices()
    windows: list[_Window] = []
    embedded: list[Floats] = []
    pending: list[Floats] = []
    total = len(activity) * ACTIVITY_STEP
    for window, samples in _windows(blocks, _speech(activity)):
        windows.append(window)
        pending.append(samples)
        if len(pending) == _BATCH:
            embedded.append(embed(pending))
            pending = []
            if progress:
                progress(min(window.end / total, 1.0))
    if pending:
        embedded.append(embed(pending))
    if not windows:
        return Speakers.nobody()
    return _assign(windows, np.concatenate(embedded), activity)


def _speech(activity: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first and the last sample of the stretches of speech; short pauses belong to them."""
    step = round(ACTIVITY_STEP * SAMPLE_RATE)
    joined: list[tuple[int, int]] = []
    for start, end in stretches(activity):
        if joined and (start * step - joined[-1][1]) / SAMPLE_RATE <= _PAUSE:
            joined[-1] = (joined[-1][0], end * step)
        else:
            joined.append((start * step, end * step))
    return [(start, end) for start, end in joined if end - start >= _SHORTEST * SAMPLE_RATE]


def _windows(blocks: Iterable[Floats], speech: list[tuple[int, int]]) -> Iterator[tuple[_Window, Floats]]:
    """Yield the windows of every stretch with their samples; the last one ends with its stretch."""
    length, hop = int(_WINDOW * SAMPLE_RATE), int(_HOP * SAMPLE_RATE)
    spans = [
        (first, min(first + length, end))
        for start, end in speech
        for first in [*range(start, max(end - length, start) + 1, hop), *_last(start, end, length, hop)]
    ]
    buffer, offset = np.zeros(0, np.float32), 0
    source = iter(blocks)
    for first, last in spans:
        while offset + len(buffer) < last:
            block = next(source, None)
            if block is None:
                break
            dropped = min(max(first - offset, 0), len(buffer))
            buffer, offset = np.concatenate([buffer[dropped:], block]), offset + dropped
        samples = buffer[first - offset : last - offset]
        if len(samples) >= _SHORTEST * SAMPLE_RATE:
            yield _Window(first / SAMPLE_RATE, last / SAMPLE_RATE), samples.copy()


def _last(start: int, end: int, length: int, hop: int) -> list[int]:
    return [end - length] if end - start > length and (end - length - start) % hop else []


def _assign(windows: list[_Window], embeddings: Floats, activity: NDArray[np.bool_]) -> Speakers:
    lengths = np.array([window.end - window.start for window in windows])
    reliable = np.flatnonzero(lengths >= _RELIABLE)
    if not len(reliable):
        return Speakers.nobody()
    centroids = _voices(embeddings[reliable], np.minimum(lengths[reliable], _HOP))
    scores = _scores(windows, embeddings @ centroids.T, len(activity))
    turns = _turns(scores, _spoken(activity, len(scores)))
    order = [number for number in dict.fromkeys(turns.tolist()) if number]
    numbers = np.zeros(len(centroids) + 1, np.int_)
    numbers[order] = np.arange(1, len(order) + 1)
    turns = numbers[turns]
    voices = tuple(
        Voice(
            number=new,
            seconds=float((turns == new).sum() * TURN_STEP),
            embedding=tuple(round(float(value), 4) for value in centroids[old - 1]),
        )
        for new, old in enumerate(order, 1)
    )
    return Speakers(turns, voices)


def _voices(embeddings: Floats, seconds: Floats) -> Floats:
    """Return the embeddings of the voices, shape = (k, 192), k >= 1."""
    labels = _cluster(embeddings)
    lengths = np.bincount(labels, seconds)
    kept: list[Floats] = []
    for label in np.argsort(-lengths):
        centroid = _unit(embeddings[labels == label].sum(axis=0))
        is_different = all(float(centroid @ other) < _DIFFERENT for other in kept)
        if not kept or lengths[label] >= _SHORTEST_VOICE or is_different:
            kept.append(centroid)
    centroids = np.stack(kept)
    for _ in range(2):
        nearest = (embeddings @ centroids.T).argmax(axis=1)
        centroids = np.stack([_unit(embeddings[nearest == k].sum(axis=0)) for k in range(len(centroids))])
    return centroids


def _cluster(embeddings: Floats) -> Numbers:
    """Return the number of the cluster of every embedding, shape = (n,)."""
    from sklearn.cluster import AgglomerativeClustering

    if len(embeddings) == 1:
        return np.zeros(1, np.int_)
    joined = np.arange(len(embeddings))
    if len(embeddings) > _MOST_CLUSTERED:
        chain = _chain(len(embeddings))
        joined = AgglomerativeClustering(_MOST_CLUSTERED, connectivity=chain).fit_predict(embeddings)
    units = np.stack([_unit(embeddings[joined == unit].sum(axis=0)) for unit in range(joined.max() + 1)])
    clustering = AgglomerativeClustering(
        None, metric="cosine", linkage="average", distance_threshold=1 - _SAME_VOICE, compute_full_tree=True
    )
    labels: Numbers = clustering.fit_predict(units)[joined]
    return labels


def _chain(count: int) -> object:
    from scipy.sparse import diags

    return diags([np.ones(count - 1), np.ones(count - 1)], [-1, 1], format="csr")


def _scores(windows: list[_Window], similarities: Floats, steps: int) -> Floats:
    """Return the mean similarity of every step with the voices, shape = (n, k); -1 without a window.

    A window counts most in its middle.
    """
    count = int(np.ceil(steps * ACTIVITY_STEP / TURN_STEP))
    sums, weights = np.zeros((count, similarities.shape[1])), np.zeros(count)
    centres = (np.arange(count) + 0.5) * TURN_STEP
    for window, similarity in zip(windows, similarities, strict=True):
        first, last = np.searchsorted(centres, (window.start, window.end))
        middle, half = (window.start + window.end) / 2, (window.end - window.start) / 2
        weight = 1.05 - np.abs(centres[first:last] - middle) / half
        sums[first:last] += weight[:, None] * similarity
        weights[first:last] += weight
    return np.where(weights[:, None] > 0, sums / np.maximum(weights, 1e-9)[:, None], -1).astype(np.float32)


def _spoken(activity: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """Return in which steps somebody speaks for at least a third of the time, shape = (count,)."""
    spoken = np.zeros(count)
    np.add.at(spoken, (np.arange(len(activity)) * ACTIVITY_STEP / TURN_STEP).astype(int), activity)
    result: NDArray[np.bool_] = spoken * ACTIVITY_STEP >= TURN_STEP / 3
    return result


def _turns(scores: Floats, spoken: NDArray[np.bool_]) -> Numbers:
    """Return the number of the voice of every step, 0 if nobody speaks or two voices are about as likely."""
    best = scores.argmax(axis=1)
    ordered = np.sort(scores, axis=1)
    margin = ordered[:, -1] - ordered[:, -2] if scores.shape[1] > 1 else np.ones(len(scores))
    certain = spoken & (ordered[:, -1] >= _SIMILAR) & (margin >= _MARGIN)
    return np.where(certain, best + 1, 0)


def _unit(vector: Floats) -> Floats:
    unit: Floats = vector / max(float(np.linalg.norm(vector)), 1e-9)
    return unit
