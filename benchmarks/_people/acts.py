"""What the others do near the first person: walk past, hide behind them, stand with them, leave and return."""

from __future__ import annotations

import numpy as np

from benchmarks._people.cutouts import CutOut
from benchmarks._people.plan import Plan
from benchmarks._people.scripts import Script

__all__ = ["ACTS", "approach", "leave"]


def _pass(plan: Plan, z: float, start: float) -> Script:
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


def _behind(plan: Plan, cutout: CutOut) -> Script:
    first = plan.main_place()[1]
    z = plan.distance(cutout, first + 0.5, first + 5.0)
    return _pass(plan, z, float(plan.random.uniform(0, 0.35 * plan.duration)))


def _front(plan: Plan, cutout: CutOut) -> Script:
    first = plan.main_place()[1]
    z = plan.distance(cutout, first - 1.2, first - 0.4)
    return _pass(plan, z, float(plan.random.uniform(0, 0.35 * plan.duration)))


def _hide(plan: Plan, cutout: CutOut) -> Script:
    """Walk behind the first person, stay hidden there, and go on or turn back."""
    random, side = plan.random, plan.sign()
    x, z = plan.main_place()
    own = plan.distance(cutout, z + 0.5, z + 1.5)
    script = Script(-side * plan.camera.side(own), own).wait(random.uniform(0, 2))
    script.go(x * own / z if not plan.roles[0].edge else x, own, plan.speed()).wait(random.uniform(0.5, 3))
    way = side if random.random() < 0.5 else -side
    return script.go(way * plan.camera.side(own), own, plan.speed())


def _meet(plan: Plan, cutout: CutOut) -> Script:
    """Walk up to the first person, stand half before or behind them for a while, and go back."""
    random, side = plan.random, plan.sign()
    x, z = plan.main_place()
    own = plan.distance(cutout, z - 0.5, z + 0.5)
    script = Script(side * plan.camera.side(own), own).wait(random.uniform(0, 2))
    script.go(x * own / z + side * random.uniform(0.1, 0.5), own, plan.speed()).wait(random.uniform(1, 3))
    return script.go(side * plan.camera.side(own), own, plan.speed())


def leave(plan: Plan, x: float, z: float) -> Script:
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
    script.wait(absence).jump(back * plan.camera.side(back_z), back_z)
    target = random.uniform(-0.6, 0.6) * plan.camera.side(back_z, 0)
    script.go(target, back_z, plan.speed()).wait(2)
    plan.tags.add("leaves and returns")
    plan.duration = float(np.clip(max(plan.duration, script.end), 6, max(12, left + absence + 4)))
    return script


def _leave_as_other(plan: Plan, cutout: CutOut) -> Script:
    z = plan.distance(cutout, 2.2, 5)
    return leave(plan, plan.random.uniform(-0.7, 0.7) * plan.camera.side(z, 0), z)


def _stand(plan: Plan, cutout: CutOut) -> Script:
    z = plan.distance(cutout, 2.5, 6)
    return Script(plan.random.uniform(-0.9, 0.9) * plan.camera.side(z, 0), z)


def approach(plan: Plan, cutout: CutOut, x: float | None = None) -> Script:
    """Come from afar to a place near the camera, by default a random one, and sometimes go back."""
    random = plan.random
    far, near = plan.distance(cutout, 5, 11), plan.distance(cutout, 1.7, 3)
    start = random.uniform(-0.8, 0.8) * plan.camera.side(far, 0)
    target = random.uniform(-0.6, 0.6) * plan.camera.side(near, 0) if x is None else x
    script = Script(start, far).wait(random.uniform(0, 1)).go(target, near, plan.speed()).wait(random.uniform(1, 3))
    if random.random() < 0.5:
        script.go(random.uniform(-0.8, 0.8) * plan.camera.side(far, 0), far, plan.speed())
    return script


ACTS = {
    "behind": _behind,
    "front": _front,
    "hide": _hide,
    "meet": _meet,
    "leave": _leave_as_other,
    "stand": _stand,
    "approach": approach,
}
"""By name, the way of a person with the given cut-out."""
