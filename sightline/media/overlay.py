"""The overlay of an annotated video: a banner, skeletons, blurred faces and hidden people."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sightline.media.banner import Banner, BannerContent
from sightline.media.faces import FaceSeries, blur_boxes
from sightline.media.hiding import Hiding
from sightline.media.history import Points
from sightline.media.nametags import draw_name_tags
from sightline.media.people import PeopleSeries
from sightline.media.planes import Planes, Rgb
from sightline.media.skeletons import draw_skeleton


@dataclass(frozen=True)
class TimedLabel:
    """A text that is shown from ``start`` to ``end``, in seconds."""

    start: float
    end: float
    text: str
    colour: Rgb = (200, 200, 200)


@dataclass(frozen=True)
class Overlay:
    """The content of an overlay. ``emotions``, ``captions`` and ``sounds`` are in order of time.

    ``people``: the names in the banner. ``poses``: who is drawn. ``faces`` are blurred. ``patient`` blocks until it is
    known who the patient is, and returns their number or None; it is called only for frames with several people.
    ``patient_name``: the text of their tag. ``hiding``: everyone except the patient is hidden, if it is given.
    ``sounds``: what is heard besides words.
    """

    duration: float
    emotions: Sequence[TimedLabel] = ()
    captions: Sequence[TimedLabel] = ()
    people: Sequence[str] = ()
    poses: PeopleSeries | None = None
    faces: FaceSeries | None = None
    patient: Callable[[], int | None] | None = None
    patient_name: str = "patient"
    hiding: Hiding | None = None
    sounds: Sequence[TimedLabel] = ()

    def draw(self, planes: Planes, time: float, banner: Banner) -> None:
        """Draw the overlay at ``time`` (seconds) on the frame, in place."""
        if self.faces is not None:
            blur_boxes([planes.y, planes.u, planes.v], self.faces.at(time), planes.y.shape[1])
        if self.hiding is not None:
            self.hiding.draw(planes, time)
        if self.poses is not None:
            self._draw_people(planes, self.poses.at(time), self.poses.limbs)
        emotion, caption, sound = (_label_at(labels, time) for labels in (self.emotions, self.captions, self.sounds))
        content = BannerContent(
            emotion=emotion.text if emotion else "",
            colour=emotion.colour if emotion else TimedLabel.colour,
            people=tuple(self.people),
            caption=caption.text if caption else "",
            sound=sound.text if sound else "",
            share=(time - caption.start) / max(caption.end - caption.start, 1e-9) if caption else 0.0,
        )
        banner.draw(planes, content, time / self.duration if self.duration else 1.0)

    def _draw_people(self, planes: Planes, people: Mapping[int, Points], limbs: Sequence[tuple[int, int, Rgb]]) -> None:
        patient = None
        if self.hiding is not None:
            patient = self.hiding.patient()
        elif len(people) > 1 and self.patient is not None:
            patient = self.patient()
        for number, points in people.items():
            # The joints of hidden people would show how they are built and how they move.
            if self.hiding is None or number == patient:
                draw_skeleton(planes, points, limbs, number)
        if len(people) > 1:
            draw_name_tags(planes, people, patient, self.patient_name)


def _label_at(labels: Sequence[TimedLabel], time: float) -> TimedLabel | None:
    before = bisect.bisect_right(labels, time, key=lambda label: label.start) - 1
    return labels[before] if before >= 0 and time < labels[before].end else None
