"""The pointer moves to a version that is at least as good, and can be rolled back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import storage
from sightline.registry import ModelDamaged, ModelDraft, ModelNotFound, ModelRecord, Move, Pointer, Registry
from sightline.storage import Location

Draft = Callable[..., ModelDraft]
Publish = Callable[[], int]


@pytest.fixture
def publish(registry: Registry, make_draft: Draft, weights: Path) -> Publish:
    """Return a function that publishes another version of posture and returns its number."""
    return lambda: registry.publish(make_draft(), weights).version


def promoted(registry: Registry, version: int, value: float, current_value: float = 0.0) -> bool:
    promotion = registry.promote(
        "posture", version, metric="macro_f1", value=value, measure_current=lambda _: current_value
    )
    return promotion.promoted


def test_first_version_is_compared_with_nothing(registry: Registry, publish: Publish) -> None:
    def unexpected(version: int) -> float:
        raise AssertionError(version)

    publish()
    promotion = registry.promote(
        "posture", 1, metric="macro_f1", value=0.1, measure_current=unexpected, why="the first"
    )
    assert (promotion.promoted, promotion.previous, promotion.current_value) == (True, None, None)
    pointer = registry.current("posture")
    assert pointer
    assert (pointer.version, pointer.previous) == (1, None)
    [move] = pointer.history
    assert (move.how, move.why, move.metric, move.value, move.current_value) == (
        "promoted",
        "the first",
        "macro_f1",
        0.1,
        None,
    )


@pytest.mark.parametrize(("value", "moves"), [(0.97, False), (0.98, True), (0.99, True)])
def test_version_is_promoted_only_if_at_least_as_good(
    registry: Registry, published: ModelRecord, publish: Publish, value: float, moves: bool
) -> None:
    publish()
    compared: list[int] = []

    def measure_current(version: int) -> float:
        compared.append(version)
        return 0.98

    promotion = registry.promote("posture", 2, metric="macro_f1", value=value, measure_current=measure_current)
    assert compared == [1]
    assert promotion.model_dump()["rival"] == 0.98, "the stored key is that of version 0.1"
    assert (promotion.promoted, promotion.version, promotion.previous, promotion.value, promotion.current_value) == (
        moves,
        2,
        1,
        value,
        0.98,
    )
    assert registry.record("posture").version == (2 if moves else 1)


def test_metric_that_is_nan_promotes_nothing(registry: Registry, published: ModelRecord, publish: Publish) -> None:
    publish()
    for value, current_value in ((float("nan"), 0.5), (0.5, float("nan"))):
        with pytest.raises(ValueError, match="finite"):
            promoted(registry, 2, value, current_value)
    assert registry.record("posture").version == 1


def test_promoting_the_current_version_moves_nothing(registry: Registry, published: ModelRecord) -> None:
    assert promoted(registry, 1, 0.1, current_value=1.0)
    pointer = registry.current("posture")
    assert pointer
    assert len(pointer.history) == 1


def test_rollbacks_never_return_to_a_rolled_back_version(
    registry: Registry, published: ModelRecord, publish: Publish
) -> None:
    for version in (2, 3):
        publish()
        assert promoted(registry, version, 0.99)
    assert registry.rollback("posture", why="worse at night").version == 2
    assert registry.open("posture").record.version == 2
    pointer = registry.rollback("posture")
    assert (pointer.version, pointer.previous) == (1, None)
    assert pointer == registry.current("posture")
    assert [move.how for move in pointer.history] == ["promoted"] * 3 + ["rolled back"] * 2
    assert pointer.history[3].why == "worse at night"
    with pytest.raises(ModelNotFound, match=r"is the first one.* of 1, 2, 3"):
        registry.rollback("posture")
    assert registry.rollback("posture/3").version == 3
    assert registry.rollback("posture").version == 1


def test_rollback_to_the_current_version_moves_nothing(registry: Registry, published: ModelRecord) -> None:
    assert len(registry.rollback("posture/1").history) == 1


def move(version: int, how: Literal["promoted", "rolled back"]) -> Move:
    return Move(version=version, at=datetime(2026, 1, 31, tzinfo=UTC), how=how, why="")


@given(st.lists(st.one_of(st.none(), st.integers(1, 5)), max_size=12))
def test_repeated_rollbacks_end_at_the_first_version(steps: list[int | None]) -> None:
    history = [move(9, "promoted")]
    for step in steps:
        pointer = Pointer(history=tuple(history))
        if step is not None:
            history.append(move(step, "promoted"))
        elif pointer.previous:
            history.append(move(pointer.previous, "rolled back"))
    seen = set()
    while (previous := (pointer := Pointer(history=tuple(history))).previous) is not None:
        assert pointer.version not in seen
        seen.add(pointer.version)
        history.append(move(previous, "rolled back"))
    assert pointer.version == 9


def test_version_promoted_meanwhile_is_compared_again(
    registry: Registry, published: ModelRecord, publish: Publish
) -> None:
    for _ in range(2):
        publish()
    compared: list[int] = []

    def measure_current(version: int) -> float:
        compared.append(version)
        if len(compared) == 1:
            assert promoted(registry, 3, 0.995)
        return {1: 0.98, 3: 0.995}[version]

    promotion = registry.promote("posture", 2, metric="macro_f1", value=0.99, measure_current=measure_current)
    assert compared == [1, 3]
    assert (promotion.promoted, promotion.previous) == (False, 3)
    assert registry.record("posture").version == 3


def test_move_whose_response_is_lost_is_made_once(
    registry: Registry, published: ModelRecord, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = storage.swap

    def lose_response(location: Location, old: bytes | None, new: bytes) -> bool:
        real(location, old, new)
        return False

    for _ in range(2):
        publish()
    with monkeypatch.context() as patch:
        patch.setattr(storage, "swap", lose_response)
        assert promoted(registry, 2, 0.99)
        assert promoted(registry, 3, 0.99)
        assert registry.rollback("posture").version == 2
    pointer = registry.current("posture")
    assert pointer
    assert [move.version for move in pointer.history] == [1, 2, 3, 2]


@pytest.mark.parametrize("content", [b"", b"{", b'{"history": []}', b'{"history": [{"version": 0}]}', b"\xff"])
def test_damaged_pointer_raises_with_the_fix_and_hides_no_version(
    registry: Registry, published: ModelRecord, content: bytes
) -> None:
    storage.write_bytes(registry.root / "posture" / "current.json", content)
    for attempt in (registry.open, registry.current, registry.rollback):
        with pytest.raises(ModelDamaged, match=r"current\.json: .*Remove it.*rollback-model posture/"):
            attempt("posture")
    assert registry.open("posture/1").record == published
    storage.remove(registry.root / "posture" / "current.json")
    assert registry.rollback("posture/1").version == 1
    assert registry.open("posture").record == published


def test_pointer_to_a_removed_version_raises(registry: Registry, published: ModelRecord, publish: Publish) -> None:
    publish()
    promoted(registry, 2, 0.99)
    storage.remove_folder(registry.root / "posture" / "2")
    with pytest.raises(ModelNotFound, match=r"posture/2: .* there are 1"):
        registry.open("posture")
    assert registry.rollback("posture").version == 1
