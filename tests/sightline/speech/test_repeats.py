"""Captions that repeat their text say it once, whichever program wrote them."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.speech import Transcript, Word, read_transcript

Sentence = list[tuple[str, int, int]]
"""The words of a sentence, each with start and end in milliseconds."""


@st.composite
def conversations(draw: st.DrawFn) -> list[Sentence]:
    """Sentences of different lengths from few words, so that some occur twice; pauses may follow words."""
    now, sentences = draw(st.integers(0, 5000)), []
    for _ in range(draw(st.integers(1, 6))):
        words: Sentence = []
        for text in draw(
            st.lists(st.sampled_from(["no", "John", "is", "happy.", "&", "it's"]), min_size=1, max_size=5)
        ):
            start, now = now, now + draw(st.integers(150, 600))
            words.append((text, start, now))
            now += draw(st.sampled_from([0, 0, 0, 120]))
        sentences.append(words)
        now += draw(st.sampled_from([200, 700, 3000]))
    return sentences


def clock(time: int, mark: str = ".") -> str:
    return f"{time // 3600000:02}:{time // 60000 % 60:02}:{time // 1000 % 60:02}{mark}{time % 1000:03}"


def text_of(sentence: Sentence) -> str:
    return " ".join(word for word, *_ in sentence)


def cue(start: int, end: int, *lines: str, mark: str = ".") -> str:
    return f"{clock(start, mark)} --> {clock(end, mark)}\n" + "\n".join(lines) + "\n\n"


def plain(sentences: list[Sentence], mark: str = ".") -> str:
    return "".join(cue(words[0][1], words[-1][2], text_of(words), mark=mark) for words in sentences)


def rolling(sentences: list[Sentence]) -> str:
    """As the automatic captions of the largest video site: two lines, and a cue of 10 ms between two sentences.

    A line stays until the next begins, or disappears if that is more than two seconds later.
    """
    written, above = "", " "
    for index, words in enumerate(sentences):
        timed = words[0][0] + "".join(f"<{clock(start)}><c> {word}</c>" for word, start, _ in words[1:])
        last = words[-1][2]
        following = sentences[index + 1][0][1] if index + 1 < len(sentences) else last + 20
        end = following if following - last < 2000 else last + 20
        written += cue(words[0][1], end - 10, above, timed.replace("&", "&amp;"))
        above = text_of(words).replace("&", "&amp;")
        written += cue(end - 10, end, above, " ")
    return written


def highlighted(sentences: list[Sentence], tags: tuple[str, str], mark: str) -> str:
    """As whisper --highlight_words: a cue for every word, and one without emphasis for every pause between words."""
    written = ""
    for words in sentences:
        shown = words[0][1]
        for index, (word, start, end) in enumerate(words):
            if shown < start:
                written += cue(shown, start, text_of(words), mark=mark)
            line = [text for text, *_ in words]
            line[index] = f"{tags[0]}{word}{tags[1]}"
            written += cue(start, end, " ".join(line), mark=mark)
            shown = end
    return written


def roll_up(sentences: list[Sentence]) -> str:
    """As television's roll-up captions: three lines, each new one below, shown until the next."""
    written = ""
    for index, words in enumerate(sentences):
        end = sentences[index + 1][0][1] if index + 1 < len(sentences) else words[-1][2]
        lines = [text_of(before) for before in sentences[max(index - 2, 0) : index + 1]]
        written += cue(words[0][1], end, *lines)
    return written


def growing(sentences: list[Sentence]) -> str:
    """As live captions: a sentence grows by a word."""
    written = ""
    for words in sentences:
        for index, (_, start, end) in enumerate(words):
            until = words[index + 1][1] if index + 1 < len(words) else end
            written += cue(start, until, text_of(words[: index + 1]))
    return written


def read(folder: Path, content: str, name: str) -> Transcript:
    path = folder / name
    path.write_text(content)
    return read_transcript(path, lambda _: None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("captions")


def spoken(transcript: Transcript) -> list[tuple[str, int]]:
    return [(segment.text, round(segment.start * 1000)) for segment in transcript.segments]


@given(sentences=conversations())
def test_every_style_of_captions_gives_the_same_sentences(folder: Path, sentences: list[Sentence]) -> None:
    expected = [(text_of(words), words[0][1]) for words in sentences]
    files = {
        "plain.vtt": "WEBVTT\n\n" + plain(sentences).replace("&", "&amp;"),
        "plain.srt": plain(sentences, ","),
        "rolling.vtt": "WEBVTT\nKind: captions\nLanguage: en\n\n" + rolling(sentences),
        "underlined.srt": highlighted(sentences, ("<u>", "</u>"), ","),
        "underlined.vtt": "WEBVTT\n\n" + highlighted(sentences, ("<u>", "</u>"), "."),
        "classes.vtt": "WEBVTT\n\n" + highlighted(sentences, ("<c.yellow>", "</c>"), "."),
        "colours.srt": highlighted(sentences, ('<font color="#00ff00">', "</font>"), ","),
    }
    for name, content in files.items():
        assert spoken(read(folder, content, name)) == expected, (name, content)


@given(sentences=conversations())
def test_word_times_are_kept(folder: Path, sentences: list[Sentence]) -> None:
    for name, content in (
        ("rolling.vtt", "WEBVTT\n\n" + rolling(sentences)),
        ("underlined.srt", highlighted(sentences, ("<u>", "</u>"), ",")),
    ):
        for segment, words in zip(read(folder, content, name).segments, sentences, strict=True):
            if len(words) > 1:  # a sentence of one word is not emphasised, and has no times inside
                assert [(word.text, round(word.start * 1000)) for word in segment.words] == [
                    (text, start) for text, start, _ in words
                ], name


different = st.lists(st.sampled_from(["John", "is", "very", "happy", "today"]), min_size=2, max_size=4).map(" ".join)


@given(
    texts=st.lists(different, min_size=3, max_size=6, unique=True), pauses=st.lists(st.integers(0, 3000), min_size=6)
)
def test_roll_up_and_growing_captions_give_every_sentence_once(
    folder: Path, texts: list[str], pauses: list[int]
) -> None:
    now, sentences = 0, []
    for text, pause in zip(texts, pauses, strict=False):
        words = text.split()
        sentences.append([(word, now + index * 300, now + index * 300 + 300) for index, word in enumerate(words)])
        now += len(words) * 300 + pause
    expected = [(text_of(words), words[0][1]) for words in sentences]
    assert spoken(read(folder, "WEBVTT\n\n" + roll_up(sentences), "up.vtt")) == expected
    if not any(after.startswith(before) for before, after in pairwise(texts)):
        assert spoken(read(folder, "WEBVTT\n\n" + growing(sentences), "growing.vtt")) == expected


@pytest.mark.parametrize(
    ("cues", "expected"),
    [
        ([(1000, 2000, "Help me."), (2500, 3500, "Help me.")], ["Help me.", "Help me."]),
        ([(1000, 2000, "Help me."), (2000, 3000, "Help me.")], ["Help me.", "Help me."]),
        ([(1000, 2000, "Help me."), (2000, 2200, "Help me.")], ["Help me."]),
        ([(1000, 2000, "Help me."), (1000, 2000, "Help me.")], ["Help me."]),
        ([(1000, 3000, "Help me."), (1500, 2500, "Help me.")], ["Help me."]),
        ([(1000, 2000, "I am <i>so</i> sad."), (2000, 3000, "I am <i>so</i> sad.")], ["I am so sad."] * 2),
        ([(1000, 2000, "No."), (2000, 4000, "No. Not today.")], ["No.", "No. Not today."]),
        ([(1000, 2000, "No."), (2500, 4000, "No.\nNot today.")], ["No.", "No. Not today."]),
    ],
)
def test_sentence_said_twice_is_kept_if_it_can_be_spoken_twice(
    folder: Path, cues: list[tuple[int, int, str]], expected: list[str]
) -> None:
    content = "WEBVTT\n\n" + "".join(cue(*times, text) for *times, text in cues)
    assert [segment.text for segment in read(folder, content, "twice.vtt").segments] == expected


def test_real_examples_are_read_once(shared_data: Callable[[str], Path]) -> None:
    reports: list[str] = []
    rolled = read_transcript(shared_data("cases/video/youtube_rolling_space_line.vtt"), reports.append)
    assert spoken(rolled) == [("Maria is sad because", 100), ("the bus was late", 1200), ("and she walked", 2400)]
    (segment,) = read_transcript(shared_data("cases/video/whisper_highlight_words.srt"), reports.append).segments
    assert (segment.text, segment.start, segment.end) == ("John is very happy today.", 0.2, 2.7)
    assert segment.words[1] == Word(text="is", start=0.7, end=1.2)
    assert [report.split(": ")[1] for report in reports] == [
        "2 of 5 cues display words again; every sentence is counted once",
        "4 of 5 cues display words again; every sentence is counted once",
    ]


def test_overlapping_cues_of_two_speakers_are_kept(folder: Path) -> None:
    content: Any = "WEBVTT\n\n" + cue(1000, 4000, "<v Ana>Why?</v>") + cue(1500, 3000, "<v Bo>Because.</v>")
    assert spoken(read(folder, content, "two.vtt")) == [("Why?", 1000), ("Because.", 1500)]
