"""German: statements, negation, questions, hypotheticals, nouns and names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.emotion import find_emotions_in, load_languages
from sightline.emotion.languages.table import Language
from sightline.speech import Segment

GERMAN: Language = load_languages().tables["de"]
FORMS = {"verbs": {*GERMAN.verbs}, "discourse": {*GERMAN.discourse}}
ADJECTIVES = {
    word: emotion
    for emotion, words in GERMAN.emotions.items()
    for word in words
    if word not in FORMS["verbs"] and " " not in word and not word.endswith(("saure", "saurer", "weinend"))
}
# Subjects of one person, as in a statement and after the verb.
SUBJECTS = (
    *("Anna", "Ben", "Tarek", "Sara Lopez", "Frau Lopez", "Dr. Weber"),
    *("die Patientin", "der Junge", "das Mädchen", "der kleine Ben", "die Ana"),
)
ASSERTED = [
    "{S} ist {K}.",
    "{S} ist heute sehr {K}.",
    "Heute ist {s} {K}.",
    "Jetzt wirkt {s} ein bisschen {K}.",
    "{K} ist {s}!",
    "{S} sieht {K} aus.",
    "{S} war gestern {K} und ist jetzt müde.",
    "Ich glaube, dass {s} {K} ist.",
    "Man sieht, wie {K} {s} ist.",
    "{S} ist {K}, oder?",
    "{S} ist {K}, weil die Musik läuft.",
    "{S} scheint {K} zu sein.",
    "{S} wird {K}.",
    "{S} ist nicht nur müde, sondern auch {K}.",
    "Und {s} ist {K}.",
    "Als die Musik lief, war {s} {K}.",
]
NEGATED = [
    "{S} ist nicht {K}.",
    "{S} ist gar nicht {K}.",
    "Heute ist {s} nie {K}.",
    "{K} ist {s} nicht.",
    "{S} sieht nicht {K} aus.",
    "{S} ist weder müde noch {K}.",
    "{S} ist nicht müde oder {K}.",
    "{S} ist kaum {K}.",
    "Ich glaube nicht, dass {s} {K} ist.",
    "Niemand sagt, dass {s} {K} ist.",
]
QUESTIONS = [
    "Ist {s} {K}?",
    "Warum ist {s} {K}?",
    "{S} ist {K}?",
    "Sieht {s} {K} aus?",
    "Weißt du, ob {s} {K} ist?",
    "Wer ist {K}?",
    "Sind Sie {K}?",
]
HYPOTHETICAL = [
    "Wenn {s} {K} ist, machen wir weiter.",
    "Falls {s} {K} ist, machen wir weiter.",
    "{S} wäre {K}.",
    "{S} würde {K} sein.",
    "{S} wird {K} sein.",
    "{S} möchte {K} sein.",
    "{S} soll {K} bleiben.",
    "Ich hoffe, {s} ist {K}.",
    "Ist {s} {K}, machen wir weiter.",
    "Vielleicht ist {s} {K}.",
    "Wäre {s} nur {K}!",
]

subjects = st.sampled_from(SUBJECTS)
keywords = st.sampled_from(sorted(ADJECTIVES))


def write(pattern: str, subject: str, keyword: str) -> str:
    text = pattern.format(S=subject[0].upper() + subject[1:], s=subject, K=keyword)
    return text[0].upper() + text[1:]


def find(text: str):
    return find_emotions_in([Segment(start=0, end=5, text=text)], 5, language="de")


@pytest.mark.parametrize("pattern", ASSERTED)
@settings(max_examples=15, deadline=None)
@given(subject=subjects, keyword=keywords)
def test_statement_is_found(pattern: str, subject: str, keyword: str) -> None:
    text = write(pattern, subject, keyword)
    (annotation,) = find(text).annotations
    assert annotation.emotion == ADJECTIVES[keyword], text
    assert annotation.person in subject, text
    assert annotation.about == "patient", text


@pytest.mark.parametrize("pattern", [*NEGATED, *QUESTIONS, *HYPOTHETICAL])
@settings(max_examples=10, deadline=None)
@given(subject=subjects, keyword=keywords)
def test_negation_question_or_supposition_does_not_count(pattern: str, subject: str, keyword: str) -> None:
    text = write(pattern, subject, keyword)
    findings = find(text)
    assert (findings.hits, findings.annotations) == ((), ()), text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ana weint.", "Ana sad"),
        ("Heute weint Ana.", "Ana sad"),
        ("Ana hat geweint.", "Ana sad"),
        ("Ana freut sich sehr.", "Ana happy"),
        ("Ich glaube, dass Ana sich freut.", "Ana happy"),
        ("Ana ärgert sich.", "Ana angry"),
        ("Ich bin traurig.", "ich sad"),
        ("Ich freue mich.", "ich happy"),
        ("Ana, die traurig ist, malt.", "Ana sad"),
        ("Ana ist ein trauriges Kind.", "Ana sad"),
        ("Schwester Anna ist müde und wütend.", "Schwester Anna angry"),
        ("Ana und ihre Mutter sind froh.", "Ana und ihre Mutter happy"),
        ("Die Oma ist froh.", "Oma happy"),
        ("Herr Müller sieht wütend aus.", "Herr Müller angry"),
        ("Ana ist noch nie so glücklich gewesen.", "Ana happy"),
        ("Ana war am Montag im Garten sehr traurig.", "Ana sad"),
        ("Diese Woche ist Ana traurig.", "Ana sad"),
        ("Als Ana traurig war, kam sie her.", "Ana sad"),
        ("Als Kind war Ana traurig.", "Ana sad"),
        ("Ana ist nicht traurig, sondern wütend.", "Ana angry"),
    ],
)
def test_statement_has_person_and_emotion(german, text: str, expected: str) -> None:
    assert [f"{one.person} {one.emotion}" for one in german(text).annotations] == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "Frohe Weihnachten, Ana!",
        "Ana weint nicht.",
        "Ana hört auf zu weinen.",
        "Sei nicht traurig, Ana.",
        "Bleib ruhig, Ana.",
        "Du kannst dich ruhig hinsetzen.",
        "Niemand ist traurig.",
        "Sieht sie traurig aus?",
        "Ana tut so, als ob sie traurig wäre.",
        "Ana kann sehr wütend werden.",
    ],
)
def test_other_sense_or_form_does_not_count(german, text: str) -> None:
    assert german(text).hits == ()


@pytest.mark.parametrize(
    ("text", "about"),
    [
        ("Anas Mutter ist traurig. Ana malt.", "other"),
        ("Ana malt. Ihre Mutter ist traurig.", "other"),
        ("Ana malt. Die Mutter von Ana ist traurig.", "other"),
        ("Ana ist da. Die Schwester ist traurig.", "unclear"),
        ("Ana ist da. Die Pflegerin ist traurig.", "other"),
        ("Ana ist da. Der Junge ist traurig.", "other"),
        ("Ana ist bei Ben. Sie ist traurig.", "patient"),
        ("Ana ist bei Ben. Er ist traurig.", "other"),
        ("Ana ist bei Mia. Sie ist traurig.", "unclear"),
        ("Ana und Ben sind da. Sie sind traurig.", "patient"),
        ("Ana ist bei Ben. Ich bin traurig.", "unclear"),
        ("Ana ist bei Ben. Sind Sie müde? Sie sind traurig.", "unclear"),
        ("Ben ist da. Die Patientin ist traurig.", "patient"),
        ("Ben macht Ana traurig.", "patient"),
        ("Ana macht Ben traurig.", "other"),
        ("Ana ist da. Ben ist hier. Das Lied ist traurig.", "unclear"),
        ("Ben ist bei Ana. Ana tröstet den Jungen und ist traurig.", "patient"),
        ("Ben ist bei Ana. Den Jungen findet sie traurig.", "other"),
        ("Ben und Ana malen. Mit Ben und Ana ist Mia traurig.", "unclear"),
        ("Ben ist da. Anas Gesicht ist traurig.", "patient"),
        ("Ben ist da. Anas Puppe ist traurig.", "unclear"),
        ("Ana ist bei Ben. Alle außer Ana sind traurig.", "unclear"),
        ("Ben ist da. Die Schwester Ana ist traurig.", "unclear"),
    ],
)
def test_keyword_is_about_the_patient_ana_or_another(german, text: str, about: str) -> None:
    assert [hit.about for hit in german(text, names=("Ana",)).hits] == [about]


def test_capital_of_a_noun_is_no_name(german) -> None:
    findings = german("Hunger hat Ana keinen. Musik läuft, und Ana ist froh. Schmerzen hat Ana heute auch nicht.")
    assert (findings.dominant, findings.attribution.how, findings.attribution.names) == ("happy", "assumed", ("Ana",))


def test_complete_session_of_a_german_clinician(german) -> None:
    findings = german(
        "Also, das ist Sitzung vier mit Ana. Ana sitzt auf der Matte. Heute wirkt sie sehr gelassen.",
        "Vorhin hat sie geweint, weil ihre Mutter gegangen ist, aber sie ist nicht mehr traurig.",
        "Jetzt spielen wir Musik. Schau, sie lacht, sie sieht richtig glücklich aus!",
        "Ana, gefällt dir das? Bist du froh? Gut, dann die Trommel. Oh! Sie ist erschrocken.",
        "Nein, sie ist nicht wütend, sie ist nur überrascht.",
    )
    assert findings.keywords == {
        "happy": ["lacht", "glücklich"],
        "sad": ["geweint"],
        "surprised": ["erschrocken", "überrascht"],
        "neutral": ["gelassen"],
    }
    assert {annotation.person for annotation in findings.annotations} == {"Ana"}
