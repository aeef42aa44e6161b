"""The built-in keyword table, and custom ones."""

from __future__ import annotations

import re
import tomllib
from importlib import resources

import pytest
from pydantic import ValidationError

from sightline.emotion import NEUTRAL, find_emotions, load_keywords
from sightline.emotion.english import English, english
from sightline.errors import InvalidKeywords
from sightline.speech import Segment, Transcript

EMOTIONS = {
    "happy": "happy joyful excited cheerful delighted glad pleased thrilled",
    "sad": "sad unhappy depressed miserable crying upset disappointed",
    "surprised": "surprised amazed astonished shocked stunned startled",
    "neutral": "neutral calm normal fine okay alright composed",
    "angry": "angry mad furious annoyed irritated frustrated",
}

CUSTOM_TABLE = """
emotions.joy = ["over the moon", "Chuffed"]
emotions.neutral = ["so-so", "fine"]
folders.joy = "joy"
folders.neutral = "none"
discourse = ["fine"]
other_senses = []
not_people = []
linking = ["is", "feels"]
negation = ["not"]
affirmation = []
supposition = ["if"]
"""


@pytest.fixture
def custom_table(tmp_path):
    """Write the custom table above to a file, with ``old`` replaced by ``new``."""

    def write(old: str = "", new: str = "", count: int = 1):
        assert old in CUSTOM_TABLE
        path = tmp_path / "words.toml"
        path.write_text(CUSTOM_TABLE.replace(old, new, count) if old else CUSTOM_TABLE + new, encoding="utf-8")
        return path

    return write


def test_built_in_table_begins_with_the_words_of_the_original():
    table = load_keywords()
    for emotion, words in EMOTIONS.items():
        assert " ".join(table.emotions[emotion]).startswith(words)
    assert sum(len(words) for words in table.emotions.values()) == 102
    assert sum(len(words) for words in table.others.values()) == 39
    assert list(table.emotions) == ["happy", "sad", "surprised", "neutral", "angry"]
    assert table.folders == {
        "happy": "happiness",
        "sad": "sadness",
        "surprised": "surprise",
        "neutral": "neutral",
        "angry": "anger",
    }
    assert set(table.discourse) == {"fine", "okay", "alright", "cross"}
    assert {"is", "was", "feels", "looks", "seems", "being"} <= set(table.linking)


def test_word_classes_are_not_empty_and_in_lower_case():
    for name in English.model_fields:
        listed = getattr(english(), name)
        assert listed, name
        assert all(word == word.lower() for word in listed), name


def test_word_classes_have_no_duplicates():
    lists = tomllib.loads((resources.files("sightline.emotion") / "english.toml").read_text(encoding="utf-8"))
    for name, words in lists.items():
        assert len(set(words)) == len(words), name


def test_keyword_table_is_immutable():
    with pytest.raises(ValidationError, match="frozen"):
        load_keywords().negation = ()


def test_custom_table_replaces_the_built_in_one(custom_table):
    table = load_keywords(custom_table())
    assert list(table.emotions) == ["joy", NEUTRAL]

    text = "John is over the moon. He feels chuffed. John is happy. He isn’t chuffed."  # noqa: RUF001
    transcript = Transcript(
        segments=(Segment(start=0, end=8, text=text, confidence=None, words=()),),
        language="en",
        engine="file",
        model="f",
    )
    findings = find_emotions(transcript, 8, table)
    assert findings.keywords == {"joy": ["over the moon", "Chuffed"]}
    assert [(annotation.person, annotation.emotion) for annotation in findings.annotations] == [
        ("John", "joy"),
        ("John", "joy"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"Chuffed"', '"chuffed", "FINE"', "emotions.neutral: 'fine' is already in emotions.joy"),
        ('["so-so", "fine"]', "[]", "emotions.neutral is empty"),
        ('["so-so", "fine"]', '"fine"', "emotions.neutral"),
        ('"so-so"', "7", "emotions.neutral.1"),
        ('"so-so"', '"..."', "emotions.neutral.1: '...' contains no word"),
        ('folders.joy = "joy"', 'folders.joy = "joy/great"', "folders.joy: 'joy/great' is not a valid folder name"),
        ('folders.joy = "joy"', 'folders.joy = ".."', "folders.joy: '..' is not a valid folder name"),
        ('folders.joy = "joy"', 'folders.joy = "None"', "folders.neutral: 'none' is also the folder of joy"),
        ('folders.joy = "joy"', "", "folders.joy is missing"),
        ("emotions.joy =", "emotions.big_joy =", "'big_joy' cannot be part of a file name"),
        ("emotions.joy =", "emotions.fun =", "folders.fun is missing"),
        ("neutral", "calm", "emotions.neutral is missing"),
        ("", 'folders.fun = "fun"', "folders.fun has no emotions.fun"),
        ("", 'negations = ["never"]', "negations is not a key of the keyword table"),
        ('negation = ["not"]', "", "negation is missing"),
        ('discourse = ["fine"]', 'discourse = ["ok"]', "discourse: 'ok' is not a keyword of any emotion"),
        ("affirmation = []", 'affirmation = ["hardly"]', "affirmation: 'hardly' is a single word"),
        ('"so-so"', "so-so", "it is not TOML: .*line 3"),
        ("", "emotions.joy = []", "it is not TOML: Cannot overwrite"),
    ],
)
def test_invalid_table_is_rejected_with_file_location_and_fix(custom_table, old, new, reason):
    path = custom_table(old, new, count=-1 if old == "neutral" else 1)
    with pytest.raises(InvalidKeywords) as caught:
        load_keywords(path)
    assert caught.value.subject == str(path)
    assert re.search(reason, caught.value.reason), caught.value.reason
    assert caught.value.fix


def test_missing_table_is_rejected(tmp_path):
    with pytest.raises(InvalidKeywords, match="No such file") as caught:
        load_keywords(tmp_path / "gone.toml")
    assert caught.value.subject.endswith("gone.toml")
    with pytest.raises(InvalidKeywords, match="cannot be read"):
        load_keywords(tmp_path)


def test_table_must_be_utf8_with_or_without_byte_order_mark(tmp_path):
    path = tmp_path / "words.toml"
    path.write_bytes(CUSTOM_TABLE.replace("so-so", "só-só").encode("latin-1"))
    with pytest.raises(InvalidKeywords, match="not UTF-8"):
        load_keywords(path)
    path.write_bytes(CUSTOM_TABLE.encode("utf-8-sig"))
    assert load_keywords(path).folders["joy"] == "joy"


def found(text, keywords=None, language="en"):
    transcript = Transcript(segments=(Segment(start=0, end=2, text=text),), engine="file", model="x", language=language)
    return find_emotions(transcript, 3.0, keywords)


@pytest.mark.parametrize(
    ("text", "language", "emotion"),
    [
        ("I am scared.", "en", "afraid"),
        ("She looks terrified.", "en", "afraid"),
        ("He is disgusted.", "en", "disgusted"),
        ("I feel jealous.", "en", "jealous"),
        ("Ich habe Angst.", "de", "afraid"),
        ("Ana schämt sich.", "de", "ashamed"),
    ],
)
def test_emotion_without_a_label_is_reported(text, language, emotion):
    findings = found(text, language=language)
    assert findings.dominant == NEUTRAL
    assert list(findings.other_emotions) == [emotion]
    assert [annotation.emotion for annotation in findings.annotations] == [emotion]
    assert [stretch.emotion for stretch in findings.timeline] == [emotion]
    assert any(emotion in warning and "EMOTION_KEYWORDS" in warning for warning in findings.warnings)


@pytest.mark.parametrize(
    "text",
    ["I'm not scared.", "Is he afraid?", "If she is jealous, stop.", "I'm afraid we have to stop.", "Cross your arms."],
)
def test_other_emotion_that_is_not_asserted_does_not_count(text):
    assert found(text).other_emotions == {}
    assert found(text).annotations == ()


def test_other_emotion_does_not_change_the_label():
    findings = found("I am happy but a bit nervous.")
    assert (findings.dominant, findings.other_emotions) == ("happy", {"afraid": ["nervous"]})


EXTENSION = """
extends = true
emotions.afraid = ["spooked"]
emotions.happy = ["chuffed"]
folders.afraid = "fear"
"""


def test_extension_adds_an_emotion_with_its_built_in_words(tmp_path):
    path = tmp_path / "more.toml"
    path.write_text(EXTENSION)
    table = load_keywords(path)
    assert list(table.emotions) == ["happy", "sad", "surprised", "neutral", "angry", "afraid"]
    assert table.folders["afraid"] == "fear"
    assert "afraid" not in table.others
    said = ("I am scared.", "I am spooked.", "I am chuffed.", "I am sad.")
    assert [found(text, table).dominant for text in said] == ["afraid", "afraid", "happy", "sad"]
    assert found("Ich habe Angst.", table, "de").dominant == "afraid"


def test_extension_moves_a_word_to_another_emotion(tmp_path):
    path = tmp_path / "more.toml"
    path.write_text('extends = true\nemotions.angry = ["upset", "jealous"]\n')
    table = load_keywords(path)
    assert found("I am upset.", table).dominant == "angry"
    assert "upset" not in table.emotions["sad"]
    assert "jealous" not in table.others["jealous"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("extends = 1\n", "extends: 1 is neither true nor false. Write extends = true"),
        ('extends = true\nemotions.afraid = ["spooked"]\n', "folders.afraid is missing"),
        ('extends = true\nemotions.afraid = "spooked"\n', "emotions.afraid"),
        ('extends = true\nmore = ["x"]\n', "more is not a key of the keyword table"),
    ],
)
def test_invalid_extension_is_rejected_with_its_reason(tmp_path, text, reason):
    path = tmp_path / "more.toml"
    path.write_text(text)
    with pytest.raises(InvalidKeywords, match=re.escape(reason)):
        load_keywords(path)
