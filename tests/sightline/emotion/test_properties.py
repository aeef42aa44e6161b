"""Properties of the analysis for any transcript."""

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
ASSERTED = [
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
NEGATED = [
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
    "without end mark": lambda text: text.removesuffix("."),
}


def analyse_text(text: str):
    segment = Segment(start=0, end=5, text=text, confidence=None, words=())
    return find_emotions(Transcript(segments=(segment,), language="en", engine="file", model="file"), 5)


def sentence(pattern: str, name: str, keyword: str) -> str:
    text = pattern.format(name, keyword)
    return text[0].upper() + text[1:] + "."


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=40)
@given(pattern=st.sampled_from(ASSERTED), name=names, keyword=keywords)
def test_statement_is_found_in_every_writing_style(style, pattern, name, keyword):
    findings = analyse_text(STYLES[style](sentence(pattern, name, keyword)))
    assert [hit.word for hit in findings.hits] == [keyword]
    (annotation,) = findings.annotations
    assert annotation.emotion == EMOTION_OF[keyword]
    assert annotation.person.casefold() == STYLES[style](name).casefold()


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=40)
@given(pattern=st.sampled_from(NEGATED), name=names, keyword=keywords)
def test_negated_statement_does_not_count_in_any_writing_style(style, pattern, name, keyword):
    findings = analyse_text(STYLES[style](sentence(pattern, name, keyword)))
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
def test_timeline_covers_the_full_duration_without_overlap(sample):
    transcript, duration = sample
    timeline = find_emotions(transcript, duration).timeline
    assert (
        [part.start for part in timeline] == [0.0, *(part.end for part in timeline[:-1])] if timeline else duration == 0
    )
    assert not timeline or timeline[-1].end == duration
    assert all(part.start < part.end for part in timeline)
    assert all(before.emotion != after.emotion for before, after in pairwise(timeline))
    assert all(part.evidence or part.emotion == "neutral" for part in timeline)


@given(transcripts())
def test_findings_are_within_the_duration_and_consistent(sample):
    transcript, duration = sample
    findings = find_emotions(transcript, duration)
    for finding in (*findings.annotations, *findings.hits):
        assert 0 <= finding.start <= finding.end <= duration
    for annotation in findings.annotations:
        assert annotation.person
        assert annotation.text
    assert len(findings.annotations) <= len(findings.hits)
    counting = [hit for hit in findings.hits if hit.about == "patient"]
    assert sum(map(len, findings.keywords.values())) == len(counting)
    assert all(EMOTION_OF[hit.word] == hit.emotion for hit in findings.hits)


def repeat(text: str, words: int) -> Transcript:
    """Repeat ``text`` up to that many words, in segments of twelve."""
    repeated = text.split()
    repeated = (repeated * (words // len(repeated) + 1))[:words]
    segments = tuple(
        Segment(start=i * 0.36, end=i * 0.36 + 4, text=" ".join(repeated[i : i + 12]), confidence=None, words=())
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
def test_analysis_time_is_linear_in_the_transcript_length(text):
    def seconds(words: int) -> float:
        transcript = repeat(text, words)
        begin = time.process_time()
        find_emotions(transcript, 7200)
        return time.process_time() - begin

    def is_linear() -> bool:
        # Two hours of speech are about 20,000 words.
        duration = seconds(20_000)
        return duration < 2.0 or duration < 12 * min(seconds(4_000) for _ in range(3))

    assert any(is_linear() for _ in range(3))  # a busy machine only makes a measurement longer
