"""The voices of stored sessions: used when a session is labelled again, and known in the next one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.emotion import PatientNames, VoicesUsed, add_names, load_keywords
from sightline.names import PatientName
from sightline.reviews import Reviews, apply_answers
from sightline.sessions import SessionStore, known_voices, read_metadata, read_sessions
from sightline.speech import Voice
from tests.crowds import PATIENT, store_crowd, undecided

ANNA = PatientNames(theirs=("Anna",))
HEARD = tuple(Voice(number=number, seconds=9, embedding=(float(number), 0.5)) for number in (1, 2))
KNOWN = undecided(9, 8).model_copy(update={"person": 1, "how": "prominent"})


def test_session_is_labelled_again_with_its_voices(store: SessionStore, tmp_path: Path) -> None:
    said = ("How are you, Anna?", "I am sad.", "I am happy.", "I am happy.")
    used = VoicesUsed(heard=HEARD)
    store_crowd(store, tmp_path / "one", said=said, speakers=(1, 2, 1, 1), voices=used, identity=KNOWN)
    [before] = read_sessions(store.patients_bucket, PATIENT)
    assert (before.emotion, before.voices) == ("neutral", used)
    assert before.unusable

    add_names(store.patients_bucket / PATIENT, theirs=["Anna"])
    reviews = Reviews(tmp_path / "reviews")
    [after] = apply_answers(store, reviews, load_keywords(), PatientName.of(PATIENT).text, ())
    assert after.emotion == "sad"
    assert after.attribution is not None
    assert after.attribution.voice is not None
    assert (after.attribution.voice.how, after.attribution.voice.number) == ("addressed", 2)

    # A session that is stored with the names has the same findings.
    stored = store_crowd(
        store, tmp_path / "two", name="two", said=said, speakers=(1, 2, 1, 1), voices=used, identity=KNOWN, names=ANNA
    )
    metadata = read_metadata(store, after)
    assert metadata is not None
    assert metadata.annotations == stored.metadata.annotations
    assert metadata.timeline == stored.metadata.timeline


@pytest.mark.parametrize(
    ("used", "said", "known"),
    [
        (VoicesUsed(heard=HEARD, given=2), "I am sad.", [HEARD[1]]),
        (VoicesUsed(heard=HEARD), "My name is Anna.", [HEARD[0]]),
        # A recognised voice would let a mistake spread.
        (VoicesUsed(heard=HEARD, recognised=2), "I am sad.", []),
        (VoicesUsed(heard=HEARD), "I am sad.", []),
        (None, "I am sad.", []),
    ],
)
def test_only_certain_voices_are_known_in_the_next_session(
    store: SessionStore, tmp_path: Path, used: VoicesUsed | None, said: str, known: list[Voice]
) -> None:
    store_crowd(store, tmp_path / "one", said=(said,), speakers=(1,), voices=used, identity=KNOWN, names=ANNA)
    assert known_voices(store.patients_bucket, PATIENT) == known
