"""What holds for any transcript."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.emotion import find_emotions, load_keywords
from sightline.emotion.english import english
from sightline.speech import Segment, Transcript

TABLE = load_keywords()
EMOTION_OF = {word: emotion for emotion, words in TABLE.emotions.items() for word in words}
NAMES = ["John", "Mary Ann", "Dr. Jones", "Emily", "José", "Sally", "O'Brien", "Tom Hanks"]
TOLD = [
    "this is the video for {} being {}",
    "this is a video of {} being {}",
    "{} is {} in this video",
    "video of {} feeling {}",
    "{} looks {}",
    "showing {} who is {}",
    "{} being {}",
    "{} is {}",
    "{} was very {}",
    "{}'s {}",
    "today {} seems {}",
    "I think that {} is {}",
    "and {} has been {} all day",
]
DENIED = [
    "this is the video for {} not being {}",
    "{} is not {} in this video",
    "video of {} never feeling {}",
    "{} doesn't look {}",
    "showing {} who isn't {}",
    "{} not being {}",
    "{} wasn't very {}",
    "{}'s not {}",
    "{} is no longer {}",
    "{} cannot be {}",
    "I don't think that {} is {}",
    "neither {} nor Peter is {}",
    "nobody says that {} is {}",
]
VOCABULARY = sorted(
    {*EMOTION_OF, *TABLE.linking, *TABLE.negation, *TABLE.affirmation, *TABLE.supposition, *TABLE.other_senses}
    | english().function_words
    | {"John", "Mary Ann", "Dr. Jones", "isn't", "he's", "J.", ",", ".", "?", "!", "…", "—", "(", ")", '"', "3.5", "ok"}
)

names = st.sampled_from(NAMES)
keywords = st.sampled_from(sorted(EMOTION_OF))
STYLES = {
    "as written": lambda text: text,
    "lower case": str.lower,
    "upper case": str.upper,
    "curly apostrophes": lambda text: text.replace("'", "’"),  # noqa: RUF001
    "without an end": lambda text: text.removesuffix("."),
}


def found_in(text: str):
    segment = Segment(start=0, end=5, text=text, confidence=None, words=())
    return find_emotions(Transcript(segments=(segment,), language="en", engine="file", model="file"), 5)


def sentence(pattern: str, name: str, keyword: str) -> str:
    text = pattern.format(name, keyword)
    return text[0].upper() + text[1:] + "."


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=40)
@given(pattern=st.sampled_from(TOLD), name=names, keyword=keywords)
def test_a_statement_is_found_in_any_style_of_writing(style, pattern, name, keyword):
    findings = found_in(STYLES[style](sentence(pattern, name, keyword)))
    assert [hit.word for hit in findings.hits] == [keyword]
    (found,) = findings.annotations
    assert found.emotion == EMOTION_OF[keyword]
    assert found.person.casefold() == STYLES[style](name).casefold()


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=40)
@given(pattern=st.sampled_from(DENIED), name=names, keyword=keywords)
def test_a_negation_takes_any_statement_back_in_any_style_of_writing(style, pattern, name, keyword):
    findings = found_in(STYLES[style](sentence(pattern, name, keyword)))
    assert (findings.hits, findings.annotations) == ((), ())


@st.composite
def transcripts(draw: st.DrawFn) -> tuple[Transcript, float]:
    times = sorted(draw(st.lists(st.floats(0, 100), min_size=2, max_size=16)))
    words = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=12).map(" ".join)
    texts = st.one_of(words, st.text(min_size=1, max_size=40))
    segments = tuple(
        Segment(start=start, end=end, text=draw(texts), confidence=None, words=()) for start, end in pairwise(times)
    )
    transcript = Transcript(segments=segments, language="en", engine="file", model="file")
    return transcript, draw(st.one_of(st.just(times[-1]), st.floats(0, 200)))


@given(transcripts())
def test_the_timeline_covers_the_whole_duration_once(said):
    transcript, duration = said
    timeline = find_emotions(transcript, duration).timeline
    assert (
        [part.start for part in timeline] == [0.0, *(part.end for part in timeline[:-1])] if timeline else duration == 0
    )
    assert not timeline or timeline[-1].end == duration
    assert all(part.start < part.end for part in timeline)
    assert all(before.emotion != after.emotion for before, after in pairwise(timeline))
    assert all(part.evidence or part.emotion == "neutral" for part in timeline)


@given(transcripts())
def test_all_that_is_found_lies_within_the_duration_and_the_text(said):
    transcript, duration = said
    findings = find_emotions(transcript, duration)
    for found in (*findings.annotations, *findings.hits):
        assert 0 <= found.start <= found.end <= duration
    for found in findings.annotations:
        assert found.person
        assert found.text
    assert len(findings.annotations) <= len(findings.hits)
    assert sum(map(len, findings.keywords.values())) == len(findings.hits)
    assert all(EMOTION_OF[hit.word] == hit.emotion for hit in findings.hits)


def two_hours(text: str, words: int) -> Transcript:
    """``text`` over and over, to that many words in segments of a dozen."""
    spoken = text.split()
    spoken = (spoken * (words // len(spoken) + 1))[:words]
    segments = tuple(
        Segment(start=i * 0.36, end=i * 0.36 + 4, text=" ".join(spoken[i : i + 12]), confidence=None, words=())
        for i in range(0, words, 12)
    )
    return Transcript(segments=segments, language="en", engine="file", model="file")


@pytest.mark.parametrize(
    "text",
    [
        "Now we see Ana on the mat with the ball and her mum. She isn't sad, she looks happy, and John is okay. ",
        "now we see ana on the mat with the ball and her mum she isn't sad she looks happy and john is okay ",
        "not happy and ",
        "happy, happy or not ",
        "is he ",
        "John ",
        "really so very ",
        "a'a'a-a ",
    ],
)
def test_time_grows_no_faster_than_the_talk(text):
    def seconds(words: int) -> float:
        transcript = two_hours(text, words)
        begin = time.process_time()
        find_emotions(transcript, 7200)
        return time.process_time() - begin

    # Two hours of speech are some 20,000 words.
    assert seconds(20_000) < max(2.0, 12 * seconds(4_000))
