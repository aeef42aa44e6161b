"""Clips of two to four people from a seed: who takes part, where they go, and the scene they are in."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks._people.clip import FPS, Actor, Clip
from benchmarks._people.cutouts import PHOTOS, CutOut, photo, signer
from benchmarks._people.scenes import background
from benchmarks._people.scripts import Camera, Script

__all__ = ["compose", "single"]

Random = np.random.Generator
Floats = NDArray[np.float64]

_SIZES = ((640, 480), (1280, 720))
_COUNTS, _COUNT_SHARES = (2, 3, 4), (0.4, 0.35, 0.25)
_SIGNERS, _TWINS = 0.15, 0.04
"""The shares of clips with the signing person, and with two people in the same clothes."""
_SMALL = 150
"""Photos of people of at most so many pixels are used half as often as the others."""
_LONGEST = 12.0
"""Seconds of a clip in which nobody is away for long."""
_NEAREST, _FARTHEST = 1.7, 11.0
_SMALLEST = 80
"""The least height of a person, in pixels."""
_HUES = (0, 0, 70, 130, 200, 260)


@dataclass
class _Role:
    """A person while their clip is planned."""

    cutout: CutOut
    script: Script
    mirrored: bool
    seated: bool = False
    edge: float = 0.0
    """1 for the signing person at the right edge, -1 at the left one. Their x is how far they are out of the frame."""


@dataclass
class _Plan:
    """A clip while it is planned."""

    random: Random
    camera: Camera
    duration: float
    roles: list[_Role] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)

    def nearest(self, cutout: CutOut) -> float:
        """Return the distance at which a cut-out has the largest height that its resolution bears."""
        return max(_NEAREST, self.camera.focal * cutout.metres / cutout.largest)

    def farthest(self, cutout: CutOut) -> float:
        return max(self.camera.focal * cutout.metres / _SMALLEST, self.nearest(cutout))

    def distance(self, cutout: CutOut, low: float, high: float) -> float:
        """Return a random distance between the two, as far as the cut-out's resolution and size allow it."""
        bounds = self.nearest(cutout), min(self.farthest(cutout), _FARTHEST)
        low, high = (float(np.clip(value, bounds[0], max(bounds))) for value in (low, high))
        return float(self.random.uniform(low, high))

    def speed(self) -> float:
        return float(self.random.uniform(0.7, 1.5))

    def sign(self) -> int:
        return int(self.random.choice((-1, 1)))


def compose(seed: int) -> Clip:
    """Return the clip of a seed: two to four people who cross, hide each other, leave and return."""
    random = np.random.default_rng([190, seed])
    size = _SIZES[int(random.integers(len(_SIZES)))]
    plan = _Plan(random, _camera(random, size), float(random.uniform(6, 12)))
    count = int(random.choice(_COUNTS, p=_COUNT_SHARES))
    _add_patient(plan)
    while len(plan.roles) < count:
        _add_other(plan)
    # What was planned happens within the clip.
    longest = max(plan.duration, _LONGEST)
    plan.duration = float(np.clip(max(role.script.end for role in plan.roles) + 1, plan.duration, longest))
    return _clip(seed, plan)


def single(seed: int) -> Clip:
    """Return the clip of a seed with one person only: the patient of :func:`compose`."""
    random = np.random.default_rng([190, seed])
    size = _SIZES[int(random.integers(len(_SIZES)))]
    plan = _Plan(random, _camera(random, size), float(random.uniform(6, 12)))
    random.choice(_COUNTS, p=_COUNT_SHARES)
    _add_patient(plan)
    return _clip(seed, plan)


def _camera(random: Random, size: tuple[int, int]) -> Camera:
    return Camera(
        size,
        focal=float(random.uniform(1.0, 1.25)) * size[1],
        height=float(random.uniform(1.1, 1.6)),
        horizon=float(random.uniform(0.28, 0.42)) * size[1],
    )


def _add_patient(plan: _Plan) -> None:
    random = plan.random
    if random.random() < _SIGNERS:
        _add_signer(plan)
        return
    if random.random() < 0.3:
        cutout = photo(str(random.choice(("catcher", "sitter", "vendor"))))
        z = plan.distance(cutout, 2.2, 4.0)
        x = random.uniform(-0.6, 0.6) * plan.camera.side(z, 0)
        plan.roles.append(_Role(cutout, Script(x, z), bool(random.random() < 0.5), seated=True))
        plan.tags.add("first: seated")
        return
    cutout = photo(str(random.choice(("skier", "batter", "racer", "leader"))))
    z = plan.distance(cutout, 1.8, 3.6)
    x = random.uniform(-0.6, 0.6) * plan.camera.side(z, 0)
    kind = random.choice(("stand", "leave", "approach", "wander"), p=(0.35, 0.35, 0.15, 0.15))
    if kind == "leave":
        script = _leave(plan, x, z)
    elif kind == "approach":
        script = _approach(plan, cutout, x)
    elif kind == "wander":
        script = Script(x, z).wait(random.uniform(0, 2))
        while script.end < plan.duration:
            z = plan.distance(cutout, 1.8, 5.0)
            script.go(random.uniform(-0.7, 0.7) * plan.camera.side(z, 0), z, plan.speed()).wait(random.uniform(0, 2))
    else:
        script = Script(x, z)
    plan.tags.add(f"first: {kind}")
    plan.roles.append(_Role(cutout, script, bool(random.random() < 0.5)))


def _add_signer(plan: _Plan) -> None:
    """Place the signing person at the edge of the frame that cuts them, too."""
    random = plan.random
    edge = plan.sign()
    script = Script(0.0, 0.8)
    if random.random() < 0.5:
        out = 1.0  # width of the picture
        script.wait(random.uniform(1.5, 4)).go(out, 0.8, random.uniform(0.4, 0.9))
        script.wait(random.uniform(1, 6)).go(0.0, 0.8, random.uniform(0.4, 0.9)).wait(2)
        plan.duration = float(np.clip(script.end, 6, 16))
        plan.tags |= {"leaves and returns", "first: leave"}
    plan.tags.add("first: signing")
    plan.roles.append(_Role(signer(), script, mirrored=edge < 0, edge=edge))


def _add_other(plan: _Plan) -> None:
    random = plan.random
    cutout = _other_cutout(plan)
    kinds = ("behind", "front", "hide", "meet", "leave", "stand", "approach")
    kind = str(random.choice(kinds, p=(0.22, 0.22, 0.16, 0.12, 0.12, 0.06, 0.10)))
    if PHOTOS[_photo_name(cutout)].largest <= _SMALL and kind in ("front", "meet", "approach"):
        kind = "behind"
    if kind == "stand" and len(plan.roles) == 1:
        kind = "front"
    script = _ACTS[kind](plan, cutout)
    plan.tags.add(kind if kind != "leave" else "leaves and returns")
    plan.roles.append(_Role(cutout, script, bool(random.random() < 0.5)))


def _photo_name(cutout: CutOut) -> str:
    return next(name for name in PHOTOS if cutout.name.rstrip("0123456789") == name)


def _other_cutout(plan: _Plan) -> CutOut:
    """Return a cut-out that is not yet in the clip, or on purpose one that is."""
    random, used = plan.random, {role.cutout.name for role in plan.roles}
    patient = plan.roles[0]
    if len(plan.roles) == 1 and not patient.seated and not patient.edge and random.random() < _TWINS * 2:
        plan.tags.add("same clothes")
        return patient.cutout
    while True:
        walking = {name: 0.5 if kind.largest <= _SMALL else 1.0 for name, kind in PHOTOS.items() if kind.walks}
        shares = np.array(list(walking.values()))
        name = str(random.choice(list(walking), p=shares / shares.sum()))
        hue = int(random.choice(_HUES)) if PHOTOS[name].recolour else 0
        if f"{name}{hue or ''}" not in used:
            return photo(name, hue=hue)


def _patient_place(plan: _Plan) -> tuple[float, float]:
    """Return where the patient is for the longest time: x in metres, and the distance."""
    role = plan.roles[0]
    if role.edge:
        return role.edge * 0.55 * plan.camera.side(2.5, 0), 1.5
    script = role.script
    waits = np.diff([*script.times, max(plan.duration, script.end)])
    walks = [here != there for here, there in zip(script.places, [*script.places[1:], script.places[-1]], strict=True)]
    return script.places[int(np.argmax(np.where(walks, 0, waits)))]


def _pass(plan: _Plan, z: float, start: float) -> Script:
    """Walk through the picture, sometimes obliquely, and sometimes stop on the way or turn back."""
    random, side = plan.random, plan.sign()
    end_z = z * float(random.uniform(0.85, 1.2))
    script = Script(-side * plan.camera.side(z), z).wait(start)
    kind = random.random()
    if kind < 0.25:
        script.go(random.uniform(-0.4, 0.4) * plan.camera.side(z, 0), z, plan.speed()).wait(random.uniform(0.3, 1.5))
    elif kind < 0.4:
        plan.tags.add("turns back")
        script.go(side * random.uniform(0, 0.5) * plan.camera.side(z, 0), z, plan.speed())
        return script.go(-side * plan.camera.side(z), z, plan.speed())
    script.go(side * plan.camera.side(end_z), end_z, plan.speed())
    if random.random() < 0.4 and script.end < plan.duration - 3:
        plan.tags.add("leaves and returns")
        script.wait(random.uniform(0.3, 2)).go(-side * plan.camera.side(z), z, plan.speed())
    return script


def _behind(plan: _Plan, cutout: CutOut) -> Script:
    patient = _patient_place(plan)[1]
    z = plan.distance(cutout, patient + 0.5, patient + 5.0)
    return _pass(plan, z, float(plan.random.uniform(0, 0.35 * plan.duration)))


def _front(plan: _Plan, cutout: CutOut) -> Script:
    patient = _patient_place(plan)[1]
    z = plan.distance(cutout, patient - 1.2, patient - 0.4)
    return _pass(plan, z, float(plan.random.uniform(0, 0.35 * plan.duration)))


def _hide(plan: _Plan, cutout: CutOut) -> Script:
    """Walk behind the patient, stay hidden there, and go on or turn back."""
    random, side = plan.random, plan.sign()
    x, z = _patient_place(plan)
    own = plan.distance(cutout, z + 0.5, z + 1.5)
    script = Script(-side * plan.camera.side(own), own).wait(random.uniform(0, 2))
    script.go(x * own / z if not plan.roles[0].edge else x, own, plan.speed()).wait(random.uniform(0.5, 3))
    way = side if random.random() < 0.5 else -side
    return script.go(way * plan.camera.side(own), own, plan.speed())


def _meet(plan: _Plan, cutout: CutOut) -> Script:
    """Walk up to the patient, stand half before or behind them for a while, and go back."""
    random, side = plan.random, plan.sign()
    x, z = _patient_place(plan)
    own = plan.distance(cutout, z - 0.5, z + 0.5)
    script = Script(side * plan.camera.side(own), own).wait(random.uniform(0, 2))
    script.go(x * own / z + side * random.uniform(0.1, 0.5), own, plan.speed()).wait(random.uniform(1, 3))
    return script.go(side * plan.camera.side(own), own, plan.speed())


def _leave(plan: _Plan, x: float, z: float) -> Script:
    """Stand, go out of the picture, and return on the same or on the other side, after up to ten seconds."""
    random = plan.random
    side = 1 if x > 0 else -1
    side = side if random.random() < 0.7 else -side
    script = Script(x, z).wait(random.uniform(1, 3)).go(side * plan.camera.side(z), z, plan.speed())
    absence = float(random.uniform(0.5, 10) if random.random() < 0.5 else random.uniform(0.5, 4))
    other = random.random() < 0.5
    plan.tags.add("returns on the other side" if other else "returns on the same side")
    back_z = z * float(random.uniform(0.9, 1.2))
    back = -side if other else side
    left = script.end
    script.wait(absence)
    script.times.append(script.end + 0.01)
    script.places.append((back * plan.camera.side(back_z), back_z))
    target = random.uniform(-0.6, 0.6) * plan.camera.side(back_z, 0)
    script.go(target, back_z, plan.speed()).wait(2)
    plan.tags.add("leaves and returns")
    plan.duration = float(np.clip(max(plan.duration, script.end), 6, max(12, left + absence + 4)))
    return script


def _leave_as_other(plan: _Plan, cutout: CutOut) -> Script:
    z = plan.distance(cutout, 2.2, 5)
    return _leave(plan, plan.random.uniform(-0.7, 0.7) * plan.camera.side(z, 0), z)


def _stand(plan: _Plan, cutout: CutOut) -> Script:
    z = plan.distance(cutout, 2.5, 6)
    return Script(plan.random.uniform(-0.9, 0.9) * plan.camera.side(z, 0), z)


def _approach(plan: _Plan, cutout: CutOut, x: float | None = None) -> Script:
    random = plan.random
    far, near = plan.distance(cutout, 5, 11), plan.distance(cutout, 1.7, 3)
    start = random.uniform(-0.8, 0.8) * plan.camera.side(far, 0)
    target = random.uniform(-0.6, 0.6) * plan.camera.side(near, 0) if x is None else x
    script = Script(start, far).wait(random.uniform(0, 1)).go(target, near, plan.speed()).wait(random.uniform(1, 3))
    if random.random() < 0.5:
        script.go(random.uniform(-0.8, 0.8) * plan.camera.side(far, 0), far, plan.speed())
    return script


_ACTS = {
    "behind": _behind,
    "front": _front,
    "hide": _hide,
    "meet": _meet,
    "leave": _leave_as_other,
    "stand": _stand,
    "approach": _approach,
}


def _clip(seed: int, plan: _Plan) -> Clip:
    random, camera = plan.random, plan.camera
    plan.duration = round(plan.duration * FPS) / FPS
    actors = tuple(_actor(number, role, plan) for number, role in enumerate(plan.roles, 1))
    weights = np.array([_prominence(actor, camera) for actor in actors])
    patient = int(weights.argmax())
    others = np.delete(weights, patient)
    farthest = camera.focal * 1.7 / 70
    return Clip(
        seed,
        camera.size,
        plan.duration,
        actors,
        scene=background(random, camera.size, camera.horizon, camera.ground(0, min(farthest, 14))[1]),
        exposure=float(random.uniform(0.004, 0.03)),
        noise=float(random.uniform(1, 5)),
        quality=int(random.integers(21, 32)),
        patient=patient + 1,
        prominence=float(weights[patient] / others.max()) if others.size else float("inf"),
        tags=frozenset(plan.tags),
    )


def _actor(number: int, role: _Role, plan: _Plan) -> Actor:
    random, camera = plan.random, plan.camera
    times = np.arange(round(plan.duration * FPS)) / FPS
    path = role.script.sampled(times)
    gain = random.uniform(0.8, 1.05) * (1 + random.normal(0, 0.03, 3))
    phase, rate = random.uniform(0, 2 * np.pi, 3), random.uniform((0.2, 0.5, 0.8), (0.5, 0.9, 1.1))
    if role.edge:
        return _edge_actor(number, role, path, plan, tuple(float(value) for value in gain))
    x, z = path[:, 0], path[:, 1]
    height = role.cutout.metres * float(random.uniform(0.94, 1.06)) * camera.focal / z
    speed = np.hypot(np.gradient(x), np.gradient(z)) * FPS
    walking = np.clip(speed / 0.8, 0, 1)
    waves = np.sin(2 * np.pi * rate[:, None] * times + phase[:, None])
    foot_x, foot_y = camera.size[0] / 2 + x * camera.focal / z, camera.horizon + camera.height * camera.focal / z
    foot_y = foot_y - 0.01 * height * walking * np.abs(waves[2])
    sway = 0.4 if role.seated else 1.0
    return Actor(
        number,
        role.cutout,
        np.stack([foot_x, foot_y], axis=1),
        height,
        z,
        _mirroring(role, foot_x, camera),
        lean=sway * (0.03 * waves[0] + 0.015 * waves[1]),
        stride=0.06 * walking * waves[2] + (0 if role.seated else 0.01) * waves[1],
        gain=tuple(float(value) for value in gain),  # type: ignore[arg-type]
    )


def _edge_actor(number: int, role: _Role, path: Floats, plan: _Plan, gain: tuple[float, ...]) -> Actor:
    """Return the signing person, whose cut edges are at the frame's or beyond."""
    width, height = plan.camera.size
    share = float(plan.random.uniform(0.65, 1.0))
    rows = np.full(len(path), share * height)
    if plan.random.random() < 0.3:
        rows *= 1 + 0.12 * (1 + np.sin(np.linspace(0, 2 * np.pi, len(path)) - np.pi / 2))
    picture = role.cutout.pictures[0].rgba
    columns = rows * picture.shape[1] / picture.shape[0]
    out = path[:, 0] * columns
    x = np.where(role.edge > 0, width - columns / 2 + out, columns / 2 - out)
    still = np.zeros(len(path))
    return Actor(
        number,
        role.cutout,
        np.stack([x, np.full(len(path), float(height))], axis=1),
        rows,
        path[:, 1],
        np.full(len(path), role.mirrored),
        lean=still,
        stride=still,
        gain=gain,  # type: ignore[arg-type]
    )


def _mirroring(role: _Role, foot_x: Floats, camera: Camera) -> NDArray[np.bool_]:
    """Return where the picture is mirrored: a person turns round while they are out of the picture."""
    outside = (foot_x < -0.1 * camera.size[0]) | (foot_x > 1.1 * camera.size[0])
    turns = np.concatenate([[False], outside[1:] & ~outside[:-1]])
    # The state changes at every exit, so that it is another one at the return.
    return np.asarray((np.cumsum(turns) % 2 == 1) != role.mirrored)


def _prominence(actor: Actor, camera: Camera) -> float:
    """Return the sum over the frames of the height that is within the frame, if the middle is."""
    top, bottom = actor.feet[:, 1] - actor.height, actor.feet[:, 1]
    rows = np.clip(bottom, 0, camera.size[1]) - np.clip(top, 0, camera.size[1])
    inside = (actor.feet[:, 0] > 0) & (actor.feet[:, 0] < camera.size[0])
    return float((rows * inside).sum())
