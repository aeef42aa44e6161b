"""Whom a statement is about: the patient, another person, or it is unclear."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.emotion import EmotionFindings, PatientNames, find_emotions, find_emotions_in
from sightline.emotion.name_forms import Match, NameBook, parse_name
from sightline.names import SessionName
from sightline.sessions import Claim, Metadata
from sightline.speech import Segment, Transcript
from tests.sightline.sessions import storing

ANNA = PatientNames(theirs=("Anna",))


def attribute(*texts: str, names: PatientNames | None = ANNA) -> EmotionFindings:
    """Find emotions in segments of four seconds."""
    segments = tuple(Segment(start=4.0 * i, end=4.0 * i + 4, text=text) for i, text in enumerate(texts))
    transcript = Transcript(segments=segments, language="en", engine="whisper", model="base")
    return find_emotions(transcript, 4.0 * len(texts), names=names)


def abouts(text: str, names: PatientNames | None = ANNA) -> list[str]:
    return [f"{hit.word} {hit.about}" for hit in attribute(text, names=names).hits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna is happy.", "happy patient"),
        ("Ben is happy.", "happy other"),
        ("Anna's happy.", "happy patient"),
        ("ben is happy", "happy other"),
        ("Annabelle is happy.", "happy other"),
        # Relatives
        ("Anna's mother is sad.", "sad other"),
        ("The mother of Anna is sad.", "sad other"),
        ("Anna's angry brother left.", "angry other"),
        ("Anna is here. Her mum is sad.", "sad other"),
        ("Ben's mother is sad.", "sad unclear"),
        ("Ben is here with the nurse. The nurse is sad.", "sad other"),
        # Several people
        ("Anna and Ben are happy.", "happy patient"),
        ("Ben and Cleo are happy.", "happy other"),
        ("Ben, Cleo and Anna are happy.", "happy patient"),
        ("Anna and Ben are here. They are happy.", "happy patient"),
        ("Ben and Anna are here. Everyone is happy.", "happy patient"),
        ("Ben and Anna are here. Everyone except Anna is happy.", "happy unclear"),
        ("We saw Anna and Ben looked sad.", "sad unclear"),
        # Objects
        ("Anna makes Ben happy.", "happy other"),
        ("Ben makes Anna happy.", "happy patient"),
        ("Ben makes her happy.", "happy unclear"),
        ("I saw Anna crying, and Ben left.", "crying patient"),
        # Reported speech
        ("Ben says Anna is sad.", "sad patient"),
        ("Anna says Ben is sad.", "sad other"),
        ("Ben says she is sad.", "sad unclear"),
        # The person addressed is not the subject
        ("Ben, Anna is happy.", "happy patient"),
        ("Anna, Ben is happy.", "happy other"),
        # Shared subjects and relative clauses
        ("Anna hugs Ben tightly and is happy.", "happy patient"),
        ("Ben hugs Anna tightly and is happy.", "happy other"),
        ("Ben, who sits next to Anna, is happy.", "happy other"),
        ("Next to Anna, Ben is happy.", "happy other"),
        ("I told Ben Anna is sad.", "sad unclear"),
        # A feature of a person is theirs
        ("Anna's face is sad. Ben is here.", "sad patient"),
        ("Ben's voice sounds sad. Anna is here.", "sad other"),
    ],
)
def test_statement_is_about_whom_its_words_name(text: str, expected: str) -> None:
    assert abouts(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna is here. She is happy.", "happy patient"),
        ("Ben is here. He is happy.", "happy other"),
        ("Ben is here. Anna came in. She is happy.", "happy patient"),
        ("Ben is here. Anna came in. He is happy.", "happy other"),
        ("Anna is here with Mary. She is happy.", "happy unclear"),
        ("Anna is here with her mum. She is happy.", "happy unclear"),
        ("He is sitting here. Mary and Anna play. He is happy.", "happy unclear"),
        ("Ben is happy.", "happy other"),
        ("She is happy.", "happy patient"),
        ("He is happy.", "happy unclear"),
        ("The girl is happy.", "happy patient"),
        ("The boy is happy.", "happy other"),
        ("The patient is happy. Ben is here.", "happy patient"),
        ("The other patient is happy. Ben is here.", "happy unclear"),
        ("The nurse is happy.", "happy other"),
    ],
)
def test_pronoun_or_noun_is_about_the_patient_only_if_it_can_be_nobody_else(text: str, expected: str) -> None:
    assert abouts(text)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("So happy today!", "happy patient"),
        ("Anna is here. So happy today!", "happy patient"),
        ("Anna is here with Ben. So happy today!", "happy unclear"),
        ("Ben is here. So happy today!", "happy unclear"),
        ("Anna came in. So happy today, Ben!", "happy unclear"),
        ("I am happy.", "happy patient"),
        ("Anna is here. I am happy.", "happy patient"),
        ("Ben is here. I am happy.", "happy unclear"),
        ("The music is calm.", "calm patient"),
        ("Ben is here. The music is calm.", "calm unclear"),
    ],
)
def test_keyword_of_nobody_counts_while_nobody_else_is_talked_about(text: str, expected: str) -> None:
    assert abouts(text) == [expected]


def test_he_is_the_patient_if_the_patient_is_the_only_one_of_that_gender() -> None:
    names = PatientNames(theirs=("Tarek",), pronoun="he")
    assert abouts("Anna and Mary are here. Tarek is here too. He is sad.", names) == ["sad patient"]
    assert abouts("Anna and Peter are here. Tarek is here too. He is sad.", names) == ["sad unclear"]
    assert abouts("Tarek is here. Peter came in. She is sad.", names) == ["sad unclear"]


def test_statements_about_others_stay_in_the_annotations_and_do_not_label_the_session() -> None:
    findings = attribute("Anna is happy.", "Cleo is calm.", names=PatientNames(theirs=("Cleo",)))
    assert [(a.person, a.people, a.emotion, a.about) for a in findings.annotations] == [
        ("Anna", ("Anna",), "happy", "other"),
        ("Cleo", ("Cleo",), "neutral", "patient"),
    ]
    assert (findings.dominant, findings.keywords) == ("neutral", {"neutral": ["calm"]})
    assert [stretch.emotion for stretch in findings.timeline] == ["neutral"]
    assert findings.people == ("Anna", "Cleo")
    assert (findings.attribution.how, findings.attribution.unusable) == ("named", None)


def test_object_of_a_verb_has_an_annotation() -> None:
    (annotation,) = attribute("Anna makes Ben and Cleo happy.").annotations
    assert (annotation.person, annotation.people, annotation.about) == ("Ben and Cleo", ("Ben", "Cleo"), "other")


class TestNamesAreUnknown:
    def test_the_only_person_is_assumed_to_be_the_patient(self) -> None:
        findings = attribute("Anna is sad. She was crying.", names=None)
        assert findings.dominant == "sad"
        assert findings.attribution.model_dump() == {
            "how": "assumed",
            "names": ("Anna",),
            "ask": (),
            "warning": "no name of the patient is known: Anna, the only person talked about, is taken for the patient",
            "unusable": None,
            "voice": None,
        }

    def test_of_two_people_nobody_is_assumed(self) -> None:
        findings = attribute("Anna is sad. Ben is angry. Ben is upset.", names=None)
        assert (findings.dominant, findings.keywords) == ("neutral", {})
        assert {hit.about for hit in findings.hits} == {"unclear"}
        assert findings.attribution.how == "undecided"
        assert [question.model_dump() for question in findings.attribution.ask] == [
            {"name": "Anna", "statements": ("Anna is sad.",)},
            {"name": "Ben", "statements": ("Ben is angry.", "Ben is upset.")},
        ]
        assert findings.attribution.unusable == "it is not decided which of them is the patient: Anna, Ben"

    @pytest.mark.parametrize(
        "text",
        [
            "We met Peter. John is happy.",
            "john met peter. john is happy.",
            "Anna makes Ben happy.",
            "He is happy. She is sad.",
            "He is happy. Mary is sad.",
            "The boy is happy. The girl is sad.",
            "Mr Brown is happy. Mrs Brown is sad.",
            "Anna Smith is sad. Anna Jones is happy.",
        ],
    )
    def test_whoever_is_talked_about_may_be_the_patient(self, text: str) -> None:
        findings = attribute(text, names=None)
        assert (findings.attribution.how, findings.dominant) == ("undecided", "neutral")

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("Anna is happy. The nurse is sad.", "Anna"),
            ("Anna is happy. Her mother is sad.", "Anna"),
            ("Anna is happy. She likes her Lego. We are in Boston.", "Anna"),
            ("This is Anna Lopez. Anna is happy. Mrs Lopez is calm.", "Anna Lopez"),
            ("The boy is happy. The child is glad.", "boy"),
        ],
    )
    def test_a_carer_a_relative_a_place_or_another_form_of_a_name_is_no_second_person(
        self, text: str, name: str
    ) -> None:
        findings = attribute(text, names=None)
        assert (findings.attribution.how, findings.dominant) == ("assumed", "happy")
        assert name in str(findings.attribution.warning)

    def test_who_is_listed_as_somebody_else_is_not_asked_about_again(self) -> None:
        findings = attribute("Anna is sad. Ben is angry.", names=PatientNames(others=("Ben",)))
        assert (findings.attribution.how, findings.dominant) == ("assumed", "sad")
        findings = attribute("Anna is sad. Ben is angry.", names=PatientNames(others=("Ben", "Anna")))
        assert (findings.attribution.how, findings.attribution.ask, findings.dominant) == ("nobody", (), "neutral")


class TestFormsOfAName:
    @pytest.mark.parametrize(
        ("spoken", "match"),
        [
            ("Anna Maria Lopez", Match.PATIENT),
            ("anna", Match.PATIENT),
            ("Anna's", Match.PATIENT),
            ("Lopez", Match.PATIENT),
            ("Mrs. López", Match.PATIENT),
            ("Anna-Maria", Match.PATIENT),
            ("Mr Lopez", Match.UNSURE),
            ("Dr Lopez", Match.UNSURE),
            ("Nurse Anna", Match.UNSURE),
            ("Ana", Match.UNSURE),
            ("Annie", Match.UNSURE),
            ("Annabelle", Match.UNLISTED),
            ("Ben Lopez", Match.OTHER),
            ("Anna Smith", Match.OTHER),
            ("Ben", Match.OTHER),
            ("Ben Smith", Match.OTHER),
            ("Peter", Match.UNLISTED),
        ],
    )
    def test_full_and_short_forms_match(self, spoken: str, match: Match) -> None:
        book = NameBook(PatientNames(theirs=("Anna Maria Lopez",), others=("Ben Smith",)))
        assert book.match(parse_name(spoken)) is match

    def test_a_name_of_two_people_is_unclear_and_asked_about(self) -> None:
        names = PatientNames(theirs=("Anna Lopez",), others=("Anna Smith",))
        findings = attribute("Anna is sad. Anna Smith is happy. Anna Lopez is calm.", names=names)
        assert [hit.about for hit in findings.hits] == ["unclear", "other", "patient"]
        assert [question.name for question in findings.attribution.ask] == ["Anna"]
        answered = PatientNames(theirs=("Anna Lopez", "Anna"), others=("Anna Smith",))
        assert abouts("Anna is sad. Anna Smith is happy.", answered) == ["sad patient", "happy other"]

    @pytest.mark.parametrize("spoken", ["Lizzie", "Elisabeth"])
    def test_a_nickname_is_asked_about(self, spoken: str) -> None:
        names = PatientNames(theirs=("Elizabeth",))
        findings = attribute(f"{spoken} is happy.", names=names)
        assert (findings.dominant, [q.name for q in findings.attribution.ask]) == ("neutral", [spoken])
        assert findings.attribution.unusable == f"it is not decided whether {spoken} is a name of the patient"
        assert attribute(f"{spoken} is happy.", names=PatientNames(theirs=(*names.theirs, spoken))).dominant == "happy"
        others = attribute(f"{spoken} is happy.", names=PatientNames(theirs=names.theirs, others=(spoken,)))
        assert (others.dominant, others.attribution.ask, others.attribution.unusable) == ("neutral", (), None)

    def test_a_folder_that_nobody_speaks_of_may_not_be_the_name(self) -> None:
        folder = PatientNames(theirs=("Cleo",), from_folder=True)
        findings = attribute("Anna is happy.", names=folder)
        assert (findings.dominant, [q.name for q in findings.attribution.ask]) == ("neutral", ["Anna"])
        assert attribute("Cleo is here. Anna is happy.", names=folder).attribution.ask == ()


class TestUsable:
    def test_unclear_statements_that_cannot_change_the_emotion_do_no_harm(self) -> None:
        findings = attribute("Anna is sad. Anna is upset. Ben is here. I am glad.")
        assert (findings.dominant, findings.attribution.unusable) == ("sad", None)

    def test_unclear_statements_that_could_change_it_make_it_unusable(self) -> None:
        findings = attribute("Anna is sad. Ben is here. I am glad.")
        assert findings.dominant == "sad"
        assert findings.attribution.unusable == 'it is not clear whom this is about: "I am glad."'


def test_stored_segments_give_the_same_findings_as_the_transcript(tmp_path: Path) -> None:
    texts = ("This is Anna. She is", "happy with Ben, who is", "sad. So calm today!")
    segments = tuple(Segment(start=2.5 * i, end=2.5 * i + 2.4, text=text) for i, text in enumerate(texts))
    transcript = Transcript(segments=segments, language="en", engine="whisper", model="base")
    claim = Claim(SessionName.parse("ana/clip"), storing.sha256_of("clip"))
    metadata = storing.outputs_of(claim, tmp_path).metadata
    stored = metadata.model_copy(update={"segments": segments, "duration_seconds": 7.77})
    read = Metadata.model_validate_json(stored.model_dump_json())
    for names in (None, ANNA, PatientNames(theirs=("Ben",))):
        findings = find_emotions(transcript, 7.77, names=names)
        assert find_emotions_in(read.segments, read.duration_seconds, names=names) == findings
        assert EmotionFindings.model_validate_json(findings.model_dump_json()) == findings


def test_a_session_is_labelled_again_when_the_names_become_known() -> None:
    segments = (Segment(start=0, end=4, text="Anna is happy. Ben is sad."),)
    assert find_emotions_in(segments, 4).dominant == "neutral"
    assert find_emotions_in(segments, 4, names=ANNA).dominant == "happy"
    assert find_emotions_in(segments, 4, names=PatientNames(theirs=("Ben",), others=("Anna",))).dominant == "sad"
