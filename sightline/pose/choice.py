"""Who of the people in a video is the patient.

In this order: what the user wishes; the appearance known from recent sessions, if it points to one person clearly; the
person who is seen longest and largest. If two people are about equally likely, nobody is chosen, and a person is asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sightline.errors import InvalidInput
from sightline.pose.appearance import Appearance, appearance_of
from sightline.pose.estimator import Frame, PoseEstimator
from sightline.pose.identity import Identity, IdentityWish, PicturePoint, SeenPerson
from sightline.pose.linking import LinkedPerson
from sightline.pose.people import FoundPerson, find_people
from sightline.pose.people_track import PeopleTrack
from sightline.pose.sameness import same_pose
from sightline.pose.skeleton import JOINTS, SEEN

__all__ = ["choose_patient", "reference_appearance", "seen_people"]

_SAME_CLOTHES = 6.5
"""The largest difference of appearance between two videos of one person in the same clothes; see linking."""

_MARGIN = 4.0
"""Another person must differ by this much more, or the clothes do not distinguish them."""

_CLEARLY = 1.6
"""The patient is seen this many times as long and large as anybody else, or a person is asked."""

_STILL = 0.03
"""In torso lengths: the joints of a person on a poster spread by 0.007 to 0.021, the detection's noise; those of
somebody who stands and only sways by 0.036 or more."""

_BESIDE = 0.1
"""Somebody who moves, and is seen this share as long and large as a person who is still, may be the patient."""

_SPREAD = (10, 90)
"""Percentiles. A poster that somebody covers for a moment does not move."""

_BRIEF = 0.02
"""Somebody seen this share as long and large as the most prominent person, or less, is nobody to ask about."""

_NOBODY = "Nobody was found in the video."
_NEAR_SECONDS = 0.5
"""A point names the person at this distance in time at most."""

_REACH = 0.25
"""A point this far outside the box around a person's joints, in heights of the box, still names them."""

_MIN_CONFIDENCE = 0.7
_SMALLER = 3
"""The largest person in a photo is this many times as large as people who do not count."""

_NECK, _MID_HIP = JOINTS.index("neck"), JOINTS.index("mid_hip")


def reference_appearance(photo: Frame, name: str) -> Appearance:
    """Return the appearance of the person in a photo, shape (height, width, 3), uint8.

    People who are much smaller than the largest one do not count: they are in the background, or false detections.
    Raises :class:`~sightline.errors.InvalidInput`, with ``name`` as its subject, if nobody is found in the photo, or
    several people.
    """
    with PoseEstimator() as estimator:
        found_people = [person for person in find_people(photo, estimator) if person.confidence >= _MIN_CONFIDENCE]
    least = max((person.box.extent for person in found_people), default=0) / _SMALLER
    people: list[FoundPerson] = []
    for person in found_people:
        # Of a person who is not complete in the photo, several bodies with one head may be found.
        is_known = any(same_pose(person.keypoints, other.keypoints) for other in people)
        if not is_known and person.box.extent > least:
            people.append(person)
    if len(people) != 1:
        found = f"{len(people)} people are found in it" if people else "nobody is found in it"
        raise InvalidInput(name, found, "Give a photo of the patient alone, with the upper body visible")
    return appearance_of(photo, people[0].keypoints)


def seen_people(people: Sequence[LinkedPerson], track: PeopleTrack, pictures: Mapping[int, str]) -> list[SeenPerson]:
    """Return what is stored about each person, with the numbers 1, 2, … ``pictures``: file names by number."""
    return [
        SeenPerson(
            person=number,
            seconds=round(person.seconds, 3),
            first=max(person.first, 0.0),
            last=max(person.last, 0.0),
            height=round(person.height / track.size[1], 4),
            appearance=person.appearance.to_numbers() if person.appearance.is_known else (),
            picture=pictures.get(number),
        )
        for number, person in enumerate(people, start=1)
    ]


def choose_patient(
    people: Sequence[SeenPerson],
    track: PeopleTrack,
    wish: IdentityWish,
    duration: float,
    known: Sequence[Appearance] = (),
) -> Identity:
    """Return who the patient is, how that was decided, and how certain it is.

    ``known``: the patient's appearance in recent sessions. Raises :class:`~sightline.errors.InvalidInput` if the wish
    names nobody.
    """
    seen = tuple(people)
    if wish:
        return _wished(seen, track, wish, duration)
    if not seen:
        return Identity(person=None, how="nobody", certainty=1, why=_NOBODY)
    if len(seen) > 1 and (identity := _by_appearance(known, seen, "known")):
        return identity
    most = max(person.prominence for person in seen)
    seen = tuple(person for person in seen if person.prominence >= _BRIEF * most)
    if len(seen) == 1:
        why = "Nobody else is in the video for more than a moment."
        return Identity(person=seen[0].person, how="only", certainty=1, why=why, people=seen)
    return _most_prominent(seen, track)


def _wished(seen: tuple[SeenPerson, ...], track: PeopleTrack, wish: IdentityWish, duration: float) -> Identity:
    """Return whom the user names: by number, by a point, or by a photo."""
    if wish.person is not None:
        return _chosen(wish.person, seen)
    if wish.at is not None:
        person, why = _person_at(track, wish.at, duration), f"The patient was given as {wish.at}."
        return Identity(person=person, how="position", certainty=1, why=why, people=seen)
    if not seen or wish.reference is None:
        return Identity(person=None, how="nobody", certainty=1, why=_NOBODY)
    photo = [reference_appearance(wish.reference, "the reference photo")]
    return _by_appearance(photo, seen, "reference") or _ask(
        seen, "Nobody in the video looks clearly like the person of the reference photo"
    )


def _chosen(person: int, seen: tuple[SeenPerson, ...]) -> Identity:
    numbers = [one.person for one in seen]
    if person not in numbers:
        found = f"people {', '.join(map(str, numbers))}" if numbers else "nobody"
        raise InvalidInput(f"person {person}", f"the video shows {found}", "Give one of these numbers, or leave it out")
    return Identity(
        person=person, how="chosen", certainty=1, why=f"The patient was given as person {person}.", people=seen
    )


def _person_at(track: PeopleTrack, point: PicturePoint, duration: float) -> int:
    x, y = point.pixels(*track.size, duration)
    distance = np.abs(track.times - point.seconds)
    best, nearest = None, math.inf
    for row in np.flatnonzero(distance <= min(_NEAR_SECONDS, distance.min(initial=math.inf) + 1e-6)).tolist():
        low, high = _box(track.keypoints[row])
        outside = math.hypot(*np.maximum(np.maximum(low - (x, y), (x, y) - high), 0))
        # Of several people around the point, the one whose middle is nearest.
        middle = math.dist((x, y), (low + high) / 2) / max(float((high - low).max()), 1.0)
        if outside <= _REACH * float(high[1] - low[1]) and outside + middle < nearest:
            best, nearest = int(track.people[row]), outside + middle
    if best is None:
        raise InvalidInput(
            str(point),
            "nobody is tracked there",
            "Give a point on the patient's body, at a time at which they are seen",
        )
    return best


def _by_appearance(
    known: Sequence[Appearance], seen: tuple[SeenPerson, ...], how: Literal["reference", "known"]
) -> Identity | None:
    """Return the only person who looks like one of the known appearances; None if nobody does, or several do."""
    differences: dict[int, float] = {}
    for person in seen:
        if person.appearance:
            look = Appearance.from_numbers(person.appearance)
            numbers = [value for one in known if not math.isnan(value := one.difference(look))]
            if numbers:
                differences[person.person] = min(numbers)
    ranked = sorted(differences, key=differences.__getitem__)
    if not ranked or differences[ranked[0]] > _SAME_CLOTHES:
        return None
    margin = min((differences[other] for other in ranked[1:]), default=math.inf) - differences[ranked[0]]
    weights = {person.person: person.prominence for person in seen}
    # A person whose colours are unknown may be the patient as well.
    unknown = [
        person for person in seen if person.person not in differences and person.prominence > weights[ranked[0]] / 2
    ]
    if margin < _MARGIN or unknown:
        return None
    certainty = 1 - 0.5 * differences[ranked[0]] / _SAME_CLOTHES
    source = "the reference photo" if how == "reference" else "the patient's recent sessions"
    why = f"Person {ranked[0]} looks as in {source}: their colours differ by {differences[ranked[0]]:.1f}"
    why += f", those of everyone else by at least {differences[ranked[0]] + margin:.1f}." if len(ranked) > 1 else "."
    return Identity(person=ranked[0], how=how, certainty=round(certainty, 3), why=why, people=seen)


def _most_prominent(seen: tuple[SeenPerson, ...], track: PeopleTrack) -> Identity:
    ranked = sorted(seen, key=lambda person: person.prominence, reverse=True)
    first, second = ranked[0].prominence, ranked[1].prominence
    share = first / (first + second) if first else 0.5
    comparison = (
        f"Person {ranked[0].person} is seen for {ranked[0].seconds:.1f} s at {ranked[0].height:.0%} of the height, "
        f"person {ranked[1].person} for {ranked[1].seconds:.1f} s at {ranked[1].height:.0%}"
    )
    if not first or first < _CLEARLY * second:
        return _ask(seen, f"{comparison}: either may be the patient", share)
    others = [person.person for person in ranked[1:] if person.prominence > _BESIDE * first]
    if others and _is_still(track, ranked[0].person) and not all(_is_still(track, other) for other in others):
        return _ask(seen, f"{comparison}, but person {ranked[0].person} never moves, as on a poster", share)
    return Identity(
        person=ranked[0].person, how="prominent", certainty=round(share, 3), why=f"{comparison}.", people=seen
    )


def _is_still(track: PeopleTrack, person: int) -> bool:
    """Return whether a person does not move at all: they are a picture, or they sleep."""
    joints = track.of(person).keypoints
    if not len(joints):
        return False
    torso = float(np.median(np.hypot(*(joints[:, _NECK, :2] - joints[:, _MID_HIP, :2]).T)))
    seen = joints[..., 2] >= SEEN
    spreads = [
        float(np.hypot(*np.subtract(*np.percentile(joints[seen[:, joint], joint, :2], _SPREAD, axis=0))))
        for joint in np.flatnonzero(seen.mean(axis=0) > 0.5)
    ]
    return bool(spreads) and float(np.median(spreads)) < _STILL * torso


def _ask(seen: tuple[SeenPerson, ...], reason: str, certainty: float = 0.5) -> Identity:
    return Identity(person=None, how="undecided", certainty=round(certainty, 3), why=f"{reason}.", people=seen)


def _box(joints: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    known = joints[joints[:, 2] > 0, :2]
    return known.min(axis=0), known.max(axis=0)
