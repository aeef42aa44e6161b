"""A case of the matrix and its id."""

from __future__ import annotations

from dataclasses import dataclass

from tests.sightline.media.conformance.values import (
    AUDIOS,
    CONTAINERS,
    GEOMETRIES,
    LAYOUTS,
    RATES,
    SIZE,
    TIMINGS,
    VIDEOS,
)


@dataclass(frozen=True)
class Case:
    """One combination: a name of every dimension."""

    container: str
    video: str
    audio: str
    layout: str
    rate: int
    geometry: str
    timing: str

    @property
    def id(self) -> str:
        """Such as ``mp4-h264-aac-5.1-48000-rot90``. Plain geometry and timing and absent sound are left out."""
        sound = [] if self.audio == "none" else [self.layout, str(self.rate)]
        rest = [name for name in (self.geometry, self.timing) if name != "plain"]
        return "-".join([self.container, self.video, self.audio, *sound, *rest])

    @classmethod
    def parse(cls, text: str) -> Case:
        """Return the case of an id. Raises ``ValueError`` for a name that no dimension has."""
        container, video, audio, *rest = text.split("-")
        if audio == "none":
            rest[:0] = ["mono", "48000"]
        layout, rate, *rest = rest
        geometry = rest.pop(0) if rest and rest[0] in GEOMETRIES else "plain"
        timing = rest.pop(0) if rest and rest[0] in TIMINGS else "plain"
        case = cls(container, video, audio, layout, int(rate), geometry, timing)
        if rest or case.id != text or not case.allowed:
            raise ValueError(f"{text!r} is not the id of a case")
        return case

    @property
    def allowed(self) -> bool:
        """Whether the combination has a meaning; FFmpeg may still be unable to write it."""
        geometry, timing = GEOMETRIES.get(self.geometry), TIMINGS.get(self.timing)
        known = self.container in CONTAINERS and self.video in VIDEOS and self.audio in AUDIOS
        if not known or self.layout not in LAYOUTS or self.rate not in RATES or geometry is None or timing is None:
            return False
        fits = self.container in geometry.containers and self.container in timing.containers
        fits = fits and self.video in geometry.videos and self.video in timing.videos
        # The other combinations of two faults would need more steps of generation than they are worth.
        fits = fits and (geometry.resized is None or self.timing == "plain")
        fits = fits and (geometry.size is None or VIDEOS[self.video].size == SIZE)
        fits = fits and not (timing.needs_audio and self.audio == "none")
        return fits and not (geometry.aspect and (timing.cut or timing.options))
