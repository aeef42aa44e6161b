"""A patient's appearance comes from their recent sessions in which it is certain who they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sightline.pose import Identity, SeenPerson
from sightline.sessions import SessionStore
from sightline.sessions.looks import recent_looks
from sightline.sessions.records import SessionRecord
from tests.crowds import store_crowd
from tests.figures import BLUE, GREEN, RED, Colour, look

NOW = datetime(2026, 1, 2, 15, 0, tzinfo=UTC)
"""Sessions are processed on that day, at the minute of their seed after three."""

DAY = timedelta(days=1)


def identity(shirt: Colour | None, **changes: Any) -> Identity:
    """Return the identity of the patient in this shirt beside somebody in blue."""
    people = [
        SeenPerson(
            person=number, seconds=5, first=0, last=5, height=0.5, appearance=look(worn).to_numbers() if worn else ()
        )
        for number, worn in ((1, BLUE), (2, shirt))
    ]
    values: dict[str, Any] = {"person": 2, "how": "chosen", "certainty": 1, "why": "", "people": tuple(people)}
    return Identity(**(values | changes))


@pytest.fixture
def folder_store(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path / "videos", tmp_path / "patients")


@pytest.fixture
def looks(folder_store: SessionStore, tmp_path: Path) -> Any:
    """Store sessions with these identities, a minute apart; return which shirts are known of the patient."""

    def known(
        *identities: Identity, within: timedelta = DAY, now: datetime = NOW, patient: str = "ana"
    ) -> list[Colour]:
        for number, one in enumerate(identities, start=1):
            name = f"visit-{number}"
            store_crowd(folder_store, tmp_path / name, name=name, patient="ana", identity=one, seed=number)
        found = recent_looks(folder_store.patients_bucket, patient, within, now)
        return [min((RED, GREEN, BLUE), key=lambda shirt: one.difference(look(shirt))) for one in found]

    return known


def test_latest_appearance_is_last(looks: Any) -> None:
    assert looks(identity(RED), identity(GREEN)) == [RED, GREEN]


def test_appearance_is_as_it_was_stored(looks: Any, folder_store: SessionStore) -> None:
    looks(identity(RED))
    (found,) = recent_looks(folder_store.patients_bucket, "ana", DAY, NOW)
    assert found.difference(look(RED)) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(("hours", "known"), [(12, [RED]), (11, []), (0, [])])
def test_only_recent_sessions_count(looks: Any, hours: int, known: list[Colour]) -> None:
    assert looks(identity(RED), within=timedelta(hours=hours)) == known


@pytest.mark.parametrize(("certainty", "known"), [(0.7, [RED]), (0.69, [])])
def test_uncertain_choice_does_not_count(looks: Any, certainty: float, known: list[Colour]) -> None:
    assert looks(identity(RED, how="prominent", certainty=certainty)) == known


@pytest.mark.parametrize("how", ["undecided", "answered"])
def test_session_without_the_patient_does_not_count(looks: Any, how: str) -> None:
    assert looks(identity(RED, person=None, how=how)) == []


def test_unknown_colours_do_not_count(looks: Any) -> None:
    assert looks(identity(None), identity(GREEN)) == [GREEN]


def test_other_patients_do_not_count(looks: Any) -> None:
    assert looks(identity(RED), patient="ben") == []


def test_session_of_an_earlier_version_does_not_count(looks: Any, folder_store: SessionStore) -> None:
    looks(identity(RED))
    (record,) = (folder_store.patients_bucket / "ana").rglob("*_session.json")
    assert '"identity"' in record.read_text()
    stored = SessionRecord.model_validate_json(record.read_text())
    record.write_text(stored.model_copy(update={"identity": None}).model_dump_json())
    assert recent_looks(folder_store.patients_bucket, "ana", DAY, NOW) == []


def test_latest_twenty_sessions_count(looks: Any) -> None:
    assert looks(*[identity(RED)] * 2, *[identity(GREEN)] * 20) == [GREEN] * 20
