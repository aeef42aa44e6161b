"""Clips of two to four people from a seed: who takes part, where they go, and the scene they are in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks._people.acts import ACTS, approach, leave
from benchmarks._people.clip import FPS, Actor, Clip
from benchmarks._people.cutouts import PHOTOS, CutOut, photo, signer
from benchmarks._people.plan import Plan, Random, Role
from benchmarks._people.scenes import background
from benchmarks._people.scripts import Camera, Script

__all__ = ["compose", "single"]

Floats = NDArray[np.float64]

_SIZES = ((640, 480), (1280, 720))
_COUNTS, _COUNT_SHARES = (2, 3, 4), (0.4, 0.35, 0.25)
_SIGNERS, _TWINS = 0.15, 0.04
"""The shares of clips with the signing person, and with two people in the same clothes."""
_SMALL = 150
"""Photos of people of at most so many pixels are used half as often as the others."""
_LONGEST = 12.0
"""Seconds of a clip in which nobody is away for long."""
_HUES = (0, 0, 70, 130, 200, 260)


def compose(seed: int) -> Clip:
    """Return the clip of a seed: two to four people who cross, hide each other, leave and return."""
    random = np.random.default_rng([190, seed])
    size = _SIZES[int(random.integers(len(_SIZES)))]
    plan = Plan(random, _camera(random, size), float(random.uniform(6, 12)))
    count = int(random.choice(_COUNTS, p=_COUNT_SHARES))
    _add_first(plan)
    while len(plan.roles) < count:
        _add_other(plan)
    # What was planned happens within the clip.
    longest = max(plan.duration, _LONGEST)
    plan.duration = float(np.clip(max(role.script.end for role in plan.roles) + 1, plan.duration, longest))
    return _clip(seed, plan)


def single(seed: int) -> Clip:
    """Return the clip of a seed with one person only: the first one of :func:`compose`."""
    random = np.random.default_rng([190, seed])
    size = _SIZES[int(random.integers(len(_SIZES)))]
    plan = Plan(random, _camera(random, size), float(random.uniform(6, 12)))
    random.choice(_COUNTS, p=_COUNT_SHARES)
    _add_first(plan)
    return _clip(seed, plan)


def _camera(random: Random, size: tuple[int, int]) -> Camera:
    return Camera(
        size,
        focal=float(random.uniform(1.0, 1.25)) * size[1],
        height=float(random.uniform(1.1, 1.6)),
        horizon=float(random.uniform(0.28, 0.42)) * size[1],
    )


def _add_first(plan: Plan) -> None:
    random = plan.random
    if random.random() < _SIGNERS:
        _add_signer(plan)
        return
    if random.random() < 0.3:
        cutout = photo(str(random.choice(("catcher", "sitter", "vendor"))))
        z = plan.distance(cutout, 2.2, 4.0)
        x = random.uniform(-0.6, 0.6) * plan.camera.side(z, 0)
        plan.roles.append(Role(cutout, Script(x, z), bool(random.random() < 0.5), seated=True))
        plan.tags.add("first: seated")
        return
    cutout = photo(str(random.choice(("skier", "batter", "racer", "leader"))))
    z = plan.distance(cutout, 1.8, 3.6)
    x = random.uniform(-0.6, 0.6) * plan.camera.side(z, 0)
    kind = random.choice(("stand", "leave", "approach", "wander"), p=(0.35, 0.35, 0.15, 0.15))
    if kind == "leave":
        script = leave(plan, x, z)
    elif kind == "approach":
        script = approach(plan, cutout, x)
    elif kind == "wander":
        script = Script(x, z).wait(random.uniform(0, 2))
        while script.end < plan.duration:
            z = plan.distance(cutout, 1.8, 5.0)
            script.go(random.uniform(-0.7, 0.7) * plan.camera.side(z, 0), z, plan.speed()).wait(random.uniform(0, 2))
    else:
        script = Script(x, z)
    plan.tags.add(f"first: {kind}")
    plan.roles.append(Role(cutout, script, bool(random.random() < 0.5)))


def _add_signer(plan: Plan) -> None:
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
    plan.roles.append(Role(signer(), script, mirrored=edge < 0, edge=edge))


def _add_other(plan: Plan) -> None:
    random = plan.random
    cutout = _other_cutout(plan)
    kinds = ("behind", "front", "hide", "meet", "leave", "stand", "approach")
    kind = str(random.choice(kinds, p=(0.22, 0.22, 0.16, 0.12, 0.12, 0.06, 0.10)))
    if PHOTOS[_photo_name(cutout)].largest <= _SMALL and kind in ("front", "meet", "approach"):
        kind = "behind"
    if kind == "stand" and len(plan.roles) == 1:
        kind = "front"
    script = ACTS[kind](plan, cutout)
    plan.tags.add(kind if kind != "leave" else "leaves and returns")
    plan.roles.append(Role(cutout, script, bool(random.random() < 0.5)))


def _photo_name(cutout: CutOut) -> str:
    return next(name for name in PHOTOS if cutout.name.rstrip("0123456789") == name)


def _other_cutout(plan: Plan) -> CutOut:
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


def _clip(seed: int, plan: Plan) -> Clip:
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


def _actor(number: int, role: Role, plan: Plan) -> Actor:
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


def _edge_actor(number: int, role: Role, path: Floats, plan: Plan, gain: tuple[float, ...]) -> Actor:
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


def _mirroring(role: Role, foot_x: Floats, camera: Camera) -> NDArray[np.bool_]:
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
