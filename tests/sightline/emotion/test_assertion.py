"""Keywords count only if they are asserted: not negated, not in a question, not hypothetical."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "text",
    [
        "John is not happy.",
        "John isn't happy.",
        "John isn’t happy.",  # noqa: RUF001
        "john isnt happy",
        "John ain't happy.",
        "He is never sad.",
        "Never sad.",
        "John is not very happy.",
        "John is not at all angry.",
        "John is no longer angry.",
        "No longer is he angry.",
        "He doesn't look happy.",
        "He never really looks happy.",
        "He did not seem to be happy.",
        "He hasn't been happy since Monday.",
        "John was hardly upset.",
        "He is neither happy nor sad.",
        "Neither John nor Mary is happy.",
        "He sat there without being upset.",
        "John isn't happy or excited.",
        "He isn't happy, excited or glad.",
        "He wasn't amazed, shocked, or stunned.",
        "He is not, however, happy.",
        "He's not, um, happy.",
        "I don't think John is happy.",
        "I wouldn't say he's happy.",
        "I'm not sure John is happy.",
        "I doubt he's happy.",
        "It is unlikely that he's happy.",
        "It's not true that John is happy.",
        "There is no sign of him being upset.",
        "There's no way he is happy.",
        "Not once did he look happy.",
        "At no point was she calm.",
        "Nobody is happy.",
        "No one is happy.",
        "no child is happy",
        "None of the boys is happy.",
        "Not everyone is happy.",
        "He has stopped crying.",
        "He's far from happy.",
        "He is anything but calm.",
        "She denies being sad.",
        "He isn't not happy.",
        "Don't be sad.",
        "John's not happy, is he?",
        "Not happy.",
    ],
)
def test_negated_keyword_does_not_count(analyse, text):
    """The original counted it as its emotion."""
    findings = analyse(text)
    assert (findings.hits, findings.annotations) == ((), ())
    assert findings.dominant == "neutral"
    assert [stretch.emotion for stretch in findings.timeline] == ["neutral"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("John is not sad but happy.", ["happy"]),
        ("John is happy, not sad.", ["happy"]),
        ("He's not sad—he's furious!", ["furious"]),
        ("He is not only happy, he is excited.", ["happy", "excited"]),
        ("Not only is he happy, he is thrilled.", ["happy", "thrilled"]),
        ("He wasn't just upset but furious.", ["upset", "furious"]),
        ("He was sad, not to mention angry.", ["sad", "angry"]),
        ("Why is he not here? She is happy.", ["happy"]),
        ("why is he not here she is happy", ["happy"]),
        ("he is not here the dog is happy", ["happy"]),
        ("I can't wait, she's happy!", ["happy"]),
        ("I can't believe he's so happy.", ["happy"]),
        ("He can't stop crying.", ["crying"]),
        ("He couldn't help crying.", ["crying"]),
        ("She couldn't be more excited.", ["excited"]),
        ("I've never seen him so happy.", ["happy"]),
        ("I've never seen him happy.", []),
        ("There's no doubt that he's happy.", ["happy"]),
        ("No wonder she is upset.", ["upset"]),
        ("No, John is happy.", ["happy"]),
        ("no he is happy", ["happy"]),
        ("Never mind, John is happy.", ["happy"]),
        ("It doesn't matter, John is happy.", ["happy"]),
        ("John is not eating because he is sad.", ["sad"]),
        ("I'm not happy that he is crying.", ["crying"]),
        ("He is not in pain and calm.", ["calm"]),
        ("John is not happy and Mary is sad.", ["sad"]),
        ("He is nothing but happy.", ["happy"]),
        ("He is sad rather than angry.", ["sad"]),
        ("Instead of being sad he is happy.", ["happy"]),
        ("John isn't himself today, he is sad.", ["sad"]),
        ("Not surprisingly, John is happy.", ["happy"]),
        ("He does not seem sad, he seems angry.", ["angry"]),
        ("he isn't he is happy", ["happy"]),
    ],
)
def test_negation_applies_only_within_its_scope(asserted_words, text, expected):
    assert asserted_words(text) == expected


def test_unhappy_is_a_keyword_of_sad_only(analyse):
    assert analyse("John is unhappy.").keywords == {"sad": ["unhappy"]}


@pytest.mark.parametrize(
    "text",
    [
        "Is John happy?",
        "is john happy",
        "John is happy?",
        "Are you happy?",
        "do you like it are you happy",
        "Does she look sad to you?",
        "Why is she crying?",
        "Isn't she happy?",
        "Was he happy, sad or angry?",
        "Do you think John is happy?",
        "Can you see how happy John is?",
    ],
)
def test_keyword_in_a_question_does_not_count(asserted_words, statements, text):
    assert asserted_words(text) == statements(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("John is happy, isn't he?", ["happy"]),
        ("John is happy isn't he?", ["happy"]),
        ("John's happy, right?", ["happy"]),
        ("John is happy, but is he calm?", ["happy"]),
        ("Sad? No, he's happy.", ["happy"]),
    ],
)
def test_keyword_beside_a_question_counts(asserted_words, text, expected):
    assert asserted_words(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "If John is happy we go on.",
        "Unless she is angry, we go on.",
        "I wonder whether he is sad.",
        "I hope he is happy.",
        "He would be sad.",
        "I'd be happy to help.",
        "John will be happy.",
        "John wants to be happy.",
        "John is going to be happy.",
        "He pretends to be sad.",
        "Stay calm, please.",
        "Let's be calm.",
        "Don't worry, be happy.",
    ],
)
def test_hypothetical_keyword_does_not_count(asserted_words, statements, text):
    assert asserted_words(text) == statements(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Okay, let's go.",
        "Alright then.",
        "That's fine.",
        "It's okay.",
        "Is that okay?",
        "Everything is fine.",
        "Okay, John, come here.",
        "Fine. Let's stop here.",
        "is everything okay with John",
    ],
)
def test_discourse_word_without_a_person_does_not_count(asserted_words, text):
    """In the original they inflated neutral."""
    assert asserted_words(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("John is okay.", ["okay"]),
        ("He's fine, thanks.", ["fine"]),
        ("okay john is alright", ["alright"]),
        ("She said that he looks okay again.", ["okay"]),
        ("He is surprised okay let's stop here", ["surprised"]),
        ("He is, okay, sad.", ["sad"]),
    ],
)
def test_discourse_word_that_describes_a_person_counts(asserted_words, text, expected):
    assert asserted_words(text) == expected


@pytest.mark.parametrize("text", ["Happy birthday to you!", "His fine motor skills improve.", "Calm down, John."])
def test_keyword_in_another_sense_does_not_count(asserted_words, text):
    assert asserted_words(text) == []


def test_keyword_inside_a_longer_word_does_not_count(asserted_words):
    assert asserted_words("The sadness and the madness of unhappiness; Madeleine and the finest crystal.") == []
