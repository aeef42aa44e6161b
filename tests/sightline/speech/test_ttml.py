import pytest

from sightline.errors import InvalidTranscript
from sightline.speech.ttml import read_ttml

NAMESPACES = (
    'xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" '
    'xmlns:tts="http://www.w3.org/ns/ttml#styling" xmlns:ttm="http://www.w3.org/ns/ttml#metadata"'
)


def document(paragraphs: str, parameters: str = "", body: str = "") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<tt {NAMESPACES} xml:lang="en" {parameters}>'
        f'<head><styling><style xml:id="s" tts:color="white"/></styling><layout><region xml:id="r"/></layout></head>\n'
        f"<body {body}><div>\n{paragraphs}\n</div></body></tt>"
    )


def cues(text: str) -> list[tuple[float, float, str]]:
    return [(round(cue.start, 4), round(cue.end, 4), cue.text) for cue in read_ttml(text, "a.ttml")[0]]


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("00:00:01.500", "00:00:03.000"),
        ("1.5s", "3s"),
        ("1500ms", "3000ms"),
        ("0:00:01.500", "0:00:03"),
        ("00:00:01:12.5", "00:00:03:00"),
        ("37.5f", "75f"),
        ("15t", "30t"),
        ("0.025m", "0.05m"),
    ],
)
def test_every_kind_of_time_is_read(begin: str, end: str) -> None:
    text = document(f'<p begin="{begin}" end="{end}">hello</p>', 'ttp:frameRate="25" ttp:tickRate="10"')
    assert cues(text.replace("01:12.5", "01:12").replace("37.5f", "37f")) == [
        (1.48 if "f" in end or ":12" in begin else 1.5, 3.0, "hello")
    ]


def test_non_integer_frame_rates_are_exact() -> None:
    text = document('<p begin="0f" end="30f">a</p>', 'ttp:frameRate="30" ttp:frameRateMultiplier="1000 1001"')
    assert cues(text) == [(0.0, 1.001, "a")]


def test_times_are_relative_to_the_parent() -> None:
    paragraphs = '<p begin="1s" dur="2s">a</p><p begin="4s" end="5s">b</p>'
    assert cues(document(paragraphs, body='begin="10s"')) == [(11.0, 13.0, "a"), (14.0, 15.0, "b")]
    nested = document(f'<div begin="1s"><div begin="2s">{paragraphs}</div></div>')
    assert cues(nested) == [(4.0, 6.0, "a"), (7.0, 8.0, "b")]


def test_sequences_are_read() -> None:
    text = document('<p dur="1s">a</p><p dur="2s">b</p>').replace("<div>", '<div timeContainer="seq">')
    assert cues(text) == [(0.0, 1.0, "a"), (1.0, 3.0, "b")]


def test_paragraph_without_an_end_lasts_until_the_next() -> None:
    assert cues(document('<p begin="1s">a</p><p begin="3s" end="4s">b</p><p begin="5s">c</p>')) == [
        (1.0, 3.0, "a"), (3.0, 4.0, "b"), (5.0, 5.0, "c"),
    ]  # fmt: skip


def test_spans_with_times_are_words() -> None:
    spans = '<span begin="0s" end="1s">John</span> <span begin="1s" end="2.5s">is</span>'
    for times in ('begin="10s" end="15s"', 'begin="10s"'):
        (cue,), _ = read_ttml(document(f"<p {times}>{spans}</p>"), "a.ttml")
        assert (cue.start, cue.end, cue.text) == (10.0, 12.5, "John is")
        assert [(word.text, word.start, word.end) for word in cue.words[0]] == [("John", 10, 11), ("is", 11, 12.5)]


def test_styling_metadata_and_comments_are_no_text() -> None:
    text = document(
        '<p begin="1s" end="2s" region="r" style="s" tts:color="no colour"><metadata ttm:desc="x">no text</metadata>'
        'John <!-- no text -->is\n   <span tts:fontStyle="italic">very</span><br/>\n happy &amp; well.</p>'
        '<p begin="3s" end="4s"> </p>'
    )
    assert cues(text) == [(1.0, 2.0, "John is very happy & well.")]
    assert read_ttml(text, "a.ttml")[0][0].lines == ("John is very", "happy & well.")
    assert read_ttml(text, "a.ttml")[1] == "en"


@pytest.mark.parametrize("namespace", ["http://www.w3.org/2006/10/ttaf1", "http://www.w3.org/2006/04/ttaf1"])
def test_drafts_of_dfxp_are_read(namespace: str) -> None:
    text = document('<p begin="1s" end="2s" tts:color="red">a</p>').replace("http://www.w3.org/ns/ttml", namespace)
    assert cues(text) == [(1.0, 2.0, "a")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (document('<p begin="1s" end="2s">a</p>\n<p begin="1x" end="2s">a</p>'), "line 5: Bad begin .* 1x"),
        (document('<p begin="3s" end="2s">a</p>'), "'a' ends before it starts"),
        (document('<p begin="1s" end="2s">a</p>')[:-20], "not XML: .*line 4"),
        ("<transcript><text start='1'>a</text></transcript>", "not TTML: its root is 'transcript'"),
        (document('<p begin="2s" end="2s">a</p>'), "1 paragraphs, but 0 cues"),
    ],
)
def test_malformed_document_is_rejected_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(InvalidTranscript, match=reason):
        read_ttml(text, "a.ttml")
