"""Statements: the emotion attributed to a person."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("This is the video for John being happy.", "John happy"),
        ("This is a video of Mary being miserable.", "Mary sad"),
        ("John is happy in this video.", "John happy"),
        ("A video of John feeling angry.", "John angry"),
        ("John looks surprised.", "John surprised"),
        ("Showing John who is calm.", "John neutral"),
        ("John being happy.", "John happy"),
        ("this is a video of john being happy", "john happy"),
        ("showing john who is calm", "john neutral"),
    ],
)
def test_every_pattern_of_the_original_gives_one_annotation(statements, text, expected):
    assert statements(text) == [expected]


def test_simple_statement_is_found(statements):
    """It matched no pattern of the original."""
    assert statements("John is happy") == ["John happy"]


def test_person_is_annotated_once_per_sentence(statements):
    """The original found the same person twice: "john" and "of john"."""
    assert statements("This is a video of john being happy and john feeling glad.") == ["john happy"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Verbs
        ("John was very happy.", "John happy"),
        ("John is feeling really sad.", "John sad"),
        ("John appears upset.", "John sad"),
        ("John has been crying since lunch.", "John sad"),
        ("Our client became very frustrated with the puzzle.", "client angry"),
        ("John is starting to look annoyed.", "John angry"),
        ("John seems to be glad.", "John happy"),
        ("John kept crying.", "John sad"),
        ("Music makes John feel cheerful.", "John happy"),
        ("She is doing okay.", "she neutral"),
        # Contractions
        ("John's happy.", "John happy"),
        ("She's sad.", "she sad"),
        ("They’re angry.", "they angry"),  # noqa: RUF001
        ("He'd been upset all day.", "he sad"),
        # Between verb and keyword
        ("He's a happy boy.", "he happy"),
        ("John looks just a little bit sad.", "John sad"),
        ("John is tired, hungry and sad.", "John sad"),
        ("John is, um, happy.", "John happy"),
        ("John is... happy.", "John happy"),
        ("John is, I think, happy.", "John happy"),
        ("John, I think, is happy.", "John happy"),
        ("They are all excited.", "they happy"),
        # Clauses around the statement
        ("I think John is happy.", "John happy"),
        ("You can see that he is frustrated.", "he angry"),
        ("It seems like John is sad.", "John sad"),
        ("Look how happy John is!", "John happy"),
        ("John looks as if he is sad.", "John sad"),
        ("I don't know why John is upset.", "John sad"),
        ("I would say John is happy.", "John happy"),
        ("John, who is happy, came in.", "John happy"),
        ("The reason he is upset is not known.", "he sad"),
    ],
)
def test_statement_is_found_in_every_construction(statements, text, expected):
    assert statements(text) == [expected]


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("Mary Ann is happy.", "Mary Ann"),
        ("mary ann is happy", "mary ann"),
        ("I think mary ann is happy", "mary ann"),
        ("a video of mary ann being happy", "mary ann"),
        ("Dr. Jones is happy.", "Dr. Jones"),
        ("doctor jones is happy", "doctor jones"),
        ("Mr. and Mrs. Brown are happy.", "Mr. and Mrs. Brown"),
        ("J. R. Smith is happy.", "J. R. Smith"),
        ("John Smith Jr. is happy.", "John Smith Jr"),
        ("Maria de la Cruz is happy.", "Maria de la Cruz"),
        ("Mary-Jane is happy.", "Mary-Jane"),
        ("O'Brien is happy.", "O'Brien"),
        ("José is happy.", "José"),
        ("Emily is happy.", "Emily"),
        ("emily is happy", "emily"),
        ("Will is happy.", "Will"),
        ("Aunt May is happy.", "May"),
        ("JOHN IS HAPPY", "JOHN"),
        ("Today John is happy.", "John"),
        ("Unfortunately John is happy.", "John"),
        ("Poor John is happy.", "John"),
        ("In this video John is happy.", "John"),
        ("in this video john is happy", "john"),
        ("we are in the garden john is happy", "john"),
        ("My brother John is happy.", "John"),
        ("John (12) is happy.", "John"),
        ("The patient is happy.", "patient"),
        ("Patient 3 is happy.", "Patient 3"),
        ("patient two is happy", "patient two"),
        ("The little girl is happy.", "girl"),
        ("The boy in the red shirt is happy.", "boy"),
        ("The man next to her is happy.", "man"),
        ("One of the boys is happy.", "boys"),
        ("The woman that is happy is his wife.", "woman"),
        ("John's mum is happy.", "John's mum"),
        ("Everyone is happy.", "everyone"),
        ("I'm happy.", "I"),
        ("John and Mary are happy.", "John and Mary"),
        ("John, Mary and Ann are happy.", "John, Mary and Ann"),
    ],
)
def test_person_is_named_as_transcribed(statements, text, person):
    assert statements(text) == [f"{person} happy"]


@pytest.mark.parametrize(
    "text",
    [
        "The music is calm.",
        "It is normal.",
        "This is a happy song.",
        "John's angry brother left.",
        "The happy boy came in.",
        "What a happy day!",
        "Music makes him happy.",
        "There was a sad look on his face.",
        "Blood pressure was normal.",
    ],
)
def test_keyword_without_a_person_counts_without_annotation(analyse, text):
    findings = analyse(text)
    assert findings.annotations == ()
    assert len(findings.hits) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("John is happy and Mary is sad.", ["John happy", "Mary sad"]),
        ("John is happy but I think Mary is sad.", ["John happy", "Mary sad"]),
        ("John is sad because Mary is angry.", ["John sad", "Mary angry"]),
        ("John was sad and now looks happy.", ["John sad", "John happy"]),
        ("John was sad, but now he is happy.", ["John sad", "John happy"]),
        ("A video of John feeling happy and Mary being sad.", ["John happy", "Mary sad"]),
        ("John isn't eating and looks sad.", ["John sad"]),
    ],
)
def test_sentence_with_two_statements_gives_two_annotations(statements, text, expected):
    assert statements(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "John is sad and miserable.",
        "John is crying because he's upset.",
        "John is sad, he is upset.",
        "He's sad, he's so sad.",
        "This is a video of John being sad, John who is crying.",
    ],
)
def test_repeated_statement_gives_one_annotation(statements, text):
    assert len(statements(text)) == 1


def test_utterances_of_a_sentence_have_separate_texts(analyse):
    annotations = analyse("John is happy today, and I think Mary is sad.").annotations
    assert [annotation.text for annotation in annotations] == ["John is happy today", "and I think Mary is sad."]


def test_text_without_punctuation_is_split_into_statements(analyse):
    findings = analyse("okay so john is happy today he looks surprised but mary is not sad doctor jones is calm")
    assert [(annotation.person, annotation.emotion) for annotation in findings.annotations] == [
        ("john", "happy"),
        ("he", "surprised"),
        ("doctor jones", "neutral"),
    ]
    assert findings.annotations[0].text == "okay so john is happy today"


def test_complete_session_of_a_clinician(analyse):
    findings = analyse(
        "Okay, so this is session four with Ana. Ana is sitting on the mat. She looks calm today.",
        "Earlier she was crying because her mum left, but she's not upset anymore.",
        "Now we play the music. See, she is smiling, she looks really happy!",
        "Ana, do you like it? Are you happy? Alright, let's try the drum. Oh! She was startled.",
        "No, she isn't angry, she's just surprised. Okay. Fine. Let's stop here.",
    )
    assert findings.keywords == {
        "happy": ["happy"],
        "sad": ["crying"],
        "surprised": ["startled", "surprised"],
        "neutral": ["calm"],
    }
    assert [annotation.emotion for annotation in findings.annotations] == [
        "neutral",
        "sad",
        "happy",
        "surprised",
        "surprised",
    ]
    assert {annotation.person for annotation in findings.annotations} == {"Ana"}
    assert findings.dominant == "surprised"
