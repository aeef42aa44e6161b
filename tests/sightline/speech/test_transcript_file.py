import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sightline.errors import InvalidTranscript
from sightline.speech import Transcript, read_transcript

VTT = """WEBVTT - made by hand
Kind: captions
Language: en-GB

NOTE
This is no cue.

STYLE
::cue { color: peru }

intro
00:01.000 --> 00:02.500 align:start position:0%
<v Anna>John is <b>happy</b> &amp; <c.loud>well</c>.

01:00:03.250 --> 01:00:04.000
He <01:00:03.500>looks
surprised.

01:00:05.000 --> 01:00:06.000
&nbsp;
"""

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>John is <font color="red">happy</font></i>.

2
00:00:01,500 --> 00:00:04,000  X1:10 X2:20
{\\an8}He looks 3 < 4
surprised &amp; well.
"""

ASS = """[Script Info]
ScriptType: v4.00+

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,John is {\\b1}happy{\\b0}.
"""

TTML = """<?xml version="1.0"?>
<tt xmlns="http://www.w3.org/ns/ttml" xml:lang="en"><body><div>
<p begin="1s" end="2.5s">John is <span>happy</span>.</p>
</div></body></tt>
"""

WHISPER: dict[str, Any] = {
    "text": " John is happy. So.",
    "language": "en",
    "segments": [
        {
            "id": 0, "seek": 0, "start": 0.5, "end": 2.0, "text": " John is happy.", "tokens": [1], "avg_logprob": -0.5,
            "words": [
                {"word": " John", "start": 0.5, "end": 0.75, "probability": 0.5},
                {"word": " is", "start": 0.75, "end": 1.0, "probability": 0.75},
                {"word": " happy.", "start": 1.0, "end": 2.0, "probability": 1.0},
            ],
        },
        {"id": 1, "start": 2.0, "end": 2.0, "text": "", "words": [], "avg_logprob": -0.5},
        {"id": 2, "start": 2.0, "end": 3.0, "text": " So.", "avg_logprob": -0.5},
    ],
}  # fmt: skip


def read(folder: Path, content: str | bytes, name: str = "visit.vtt") -> Transcript:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_transcript(path)


def spans(transcript: Transcript) -> list[tuple[float, float, str]]:
    return [(segment.start, segment.end, segment.text) for segment in transcript.segments]


def test_webvtt_cues_exclude_notes_styles_settings_and_tags(tmp_path: Path) -> None:
    transcript = read(tmp_path, VTT)
    assert spans(transcript) == [(1.0, 2.5, "John is happy & well."), (3603.25, 3604.0, "He looks surprised.")]
    assert (transcript.engine, transcript.model, transcript.language) == ("file", "visit.vtt", "en-GB")
    assert all(segment.confidence is None for segment in transcript.segments)
    assert [[(word.text, word.start, word.end) for word in segment.words] for segment in transcript.segments] == [
        [],
        [("He", 3603.25, 3603.5), ("looks", 3603.5, 3604.0)],
    ]


def test_subrip_cues_keep_text_that_resembles_a_tag(tmp_path: Path) -> None:
    transcript = read(tmp_path, SRT, "visit.srt")
    assert spans(transcript) == [
        (1.0, 2.5, "John is happy."),
        (1.5, 4.0, "He looks 3 < 4 surprised &amp; well."),
    ]
    assert transcript.language is None


def test_whisper_json_keeps_words_and_confidences(tmp_path: Path) -> None:
    transcript = read(tmp_path, json.dumps(WHISPER), "visit.json")
    assert spans(transcript) == [(0.5, 2.0, "John is happy."), (2.0, 3.0, "So.")]
    happy = transcript.segments[0].words[2]
    assert (happy.text, happy.start, happy.end, happy.confidence) == ("happy.", 1.0, 2.0, 1.0)
    assert transcript.segments[0].confidence == pytest.approx(0.75)
    assert transcript.segments[1].confidence == pytest.approx(0.6065, abs=1e-4)
    assert transcript.language == "en"


def test_files_written_by_whisper_are_read(tmp_path: Path) -> None:
    from whisper.utils import get_writer

    result = WHISPER | {"segments": WHISPER["segments"][:2]}
    for extension in ("vtt", "srt", "json"):
        get_writer(extension, str(tmp_path))(result, "visit", {})
        assert spans(read_transcript(tmp_path / f"visit.{extension}")) == [(0.5, 2.0, "John is happy.")]


@pytest.mark.parametrize("encode", [
    lambda text: b"\xef\xbb\xbf" + text.encode(),
    lambda text: text.replace("\n", "\r\n").encode(),
    lambda text: text.replace("\n", "\r").encode(),
    lambda text: text.encode("utf-16"),
    lambda text: text.rstrip("\n").encode(),
])  # fmt: skip
@pytest.mark.parametrize(
    ("text", "name"),
    [(VTT, "a.vtt"), (SRT, "a.srt"), (ASS, "a.ass"), (TTML, "a.xml"), (json.dumps(WHISPER), "a.json")],
)
def test_byte_order_marks_line_endings_and_encodings_are_equivalent(
    tmp_path: Path, encode: Any, text: str, name: str
) -> None:
    assert read(tmp_path, encode(text), name) == read(tmp_path, text, name)


def test_content_determines_the_format(tmp_path: Path) -> None:
    assert len(read(tmp_path, VTT, "a.srt").segments) == 2
    assert len(read(tmp_path, SRT, "a.txt").segments) == 2
    assert len(read(tmp_path, json.dumps(WHISPER), "a").segments) == 2
    for name in ("a.ass", "a.ssa", "a.srt", "a.txt"):
        assert spans(read(tmp_path, ASS, name)) == [(1.0, 2.5, "John is happy.")]
    for name in ("a.ttml", "a.dfxp", "a.xml", "a.srt"):
        assert spans(read(tmp_path, TTML, name)) == [(1.0, 2.5, "John is happy.")]


def test_file_without_speech_has_no_segments(tmp_path: Path) -> None:
    assert read(tmp_path, "WEBVTT\n").segments == ()
    assert read(tmp_path, '{"segments": []}', "a.json").segments == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n\n", "empty"),
        ("00:01.000 --> 00:02.000\nhi\n", "line 1: .*begins with WEBVTT"),
        ("\nWEBVTT\n\n00:01.000 --> 00:02.000\nhi\n", "line 1: .*begins with WEBVTT"),
        ("WEBVTT\n\n00:01.000 --> 00:02\nhi\n", "line 3: .* is not a time line"),
        ("<transcript/>", "begins with WEBVTT"),
    ],
)
def test_malformed_file_is_rejected_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InvalidTranscript, match=reason) as caught:
        read(tmp_path, text)
    assert caught.value.subject == str(tmp_path / "visit.vtt")
    assert caught.value.fix


def test_cues_out_of_order_are_sorted_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "visit.vtt"
    path.write_text(
        "WEBVTT\n\n00:03.000 --> 00:04.000\nb\n\n00:01.000 --> 00:02.000\na\n\n00:03.000 --> 00:05.000\nc\n"
    )
    reports: list[str] = []
    transcript = read_transcript(path, reports.append)
    assert [segment.text for segment in transcript.segments] == ["a", "b", "c"]
    assert reports == [f"{path}: its cues are not in order of time; they were sorted by start"]


def test_unreadable_file_is_rejected_with_the_reason(tmp_path: Path) -> None:
    for content, reason in (
        (b"Dear John,\n", "line 1: it is not WebVTT, SRT, ASS, SSA, TTML or Whisper JSON"),
        (b"WEBVTT\n\n\xff\xfe\x00", "line 3: not UTF-8"),
    ):
        with pytest.raises(InvalidTranscript, match=reason):
            read(tmp_path, content, "letter.txt")
    with pytest.raises(InvalidTranscript, match="No such file"):
        read_transcript(tmp_path / "none.vtt")
    with pytest.raises(InvalidTranscript):
        read_transcript(tmp_path)


def test_video_passed_as_transcript_is_rejected_unread(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    with video.open("wb") as file:
        file.truncate(10 * 2**30)
    with pytest.raises(InvalidTranscript, match="too many for a transcript"):
        read_transcript(video)


times = st.lists(st.integers(0, 10 * 3600 * 1000), min_size=2, max_size=12).map(sorted)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(times=times, webvtt=st.booleans())
def test_times_are_exact_to_the_millisecond(tmp_path: Path, times: list[int], webvtt: bool) -> None:
    cues = list(zip(times[::2], times[1::2], strict=False))

    def clock(at: int) -> str:
        return f"{at // 3600000:02}:{at // 60000 % 60:02}:{at // 1000 % 60:02}{'.' if webvtt else ','}{at % 1000:03}"

    body = "\n".join(f"{clock(start)} --> {clock(end)}\nword {index}\n" for index, (start, end) in enumerate(cues))
    transcript = read(tmp_path, f"WEBVTT\n\n{body}" if webvtt else body, "visit.txt")
    assert [(round(s.start * 1000), round(s.end * 1000)) for s in transcript.segments] == cues


fragments = st.sampled_from(
    [
        "WEBVTT",
        "\n",
        "\n\n",
        "NOTE",
        "00:01.000",
        " --> ",
        "00:02.500",
        "<b>",
        "hi",
        "{",
        "}",
        '"segments":',
        "[]",
        "1",
        "<tt",
        "[Events]\n",
        "Dialogue: ",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(content=st.lists(fragments | st.text(max_size=4)).map("".join) | st.binary(max_size=40))
@example(content="WEBVTT\n\n00:01.000 --> 00:02.500\nhi")
def test_any_content_is_read_or_rejected(tmp_path: Path, content: str | bytes) -> None:
    try:
        transcript = read(tmp_path, content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    except InvalidTranscript:
        return
    assert transcript.engine == "file"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=400)
@given(
    content=st.sampled_from([VTT, SRT, ASS, TTML, json.dumps(WHISPER)]),
    changes=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 3), st.binary(max_size=3)), min_size=1, max_size=4),
    end=st.integers(0, 2000),
)
def test_damaged_file_is_read_or_rejected(
    tmp_path: Path, content: str, changes: list[tuple[int, int, bytes]], end: int
) -> None:
    data = content.encode()
    for position, removed, added in changes:
        data = data[:position] + added + data[position + removed :]
    try:
        transcript = read(tmp_path, data[:end], "visit.txt")
    except InvalidTranscript:
        return
    assert all(segment.text and segment.start <= segment.end for segment in transcript.segments)
