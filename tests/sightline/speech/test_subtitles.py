import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import InvalidTranscript
from sightline.speech.subtitles import read_ass, read_subrip

A = "00:00:01,000 --> 00:00:02,000"
B = "00:00:03,500 --> 00:00:04,000"
HELLO_WORLD = [(1.0, 2.0, "hello"), (3.5, 4.0, "world")]


def cues(text: str) -> list[tuple[float, float, str]]:
    return [(cue.start, cue.end, cue.text) for cue in read_subrip(text, "a.srt") if cue.lines]


@pytest.mark.parametrize(
    ("variation", "text"),
    [
        ("plain", f"1\n{A}\nhello\n\n2\n{B}\nworld\n"),
        ("no numbers", f"{A}\nhello\n\n{B}\nworld"),
        ("no empty lines", f"1\n{A}\nhello\n2\n{B}\nworld"),
        ("neither", f"{A}\nhello\n{B}\nworld"),
        ("number apart from its cue", f"1\n\n{A}\nhello\n\n2\n\n{B}\nworld"),
        ("empty lines before and after", f"\n\n1\n{A}\nhello\n\n\n\n2\n{B}\nworld\n\n\n"),
        ("points", f"1\n{A}\nhello\n\n2\n{B}\nworld".replace(",", ".")),
        ("positions", f"1\n{A}  X1:1 X2:2\nhello\n\n2\n{B} Y1:3\nworld"),
        ("spaces around", f"1\n \t{A} \nhello\n\n2\n{B}\t\nworld"),
        ("no spaces at the arrow", f"1\n{A}\nhello\n\n2\n{B}\nworld".replace(" ", "")),
        ("spaces in times", f"1\n00: 00: 01, 000 --> 00: 00: 02, 000\nhello\n\n2\n{B}\nworld"),
        ("no hours", "1\n00:01,000 --> 00:02,000\nhello\n\n2\n00:03,500 --> 00:04,000\nworld"),
        ("single digits", "1\n0:0:1,000 --> 0:0:2,000\nhello\n\n2\n0:0:3,500 --> 0:0:4,000\nworld"),
        ("text before the first cue", f"made by me\n\n1\n{A}\nhello\n\n2\n{B}\nworld"),
        ("empty cue", f"1\n{A}\nhello\n\n2\n00:00:02,500 --> 00:00:03,000\n\n3\n{B}\nworld"),
        ("empty cue in line", f"1\n{A}\nhello\n2\n00:00:02,500 --> 00:00:03,000\n3\n{B}\nworld"),
        ("equal cues", f"1\n{A}\nhello\n\n2\n{A}\nhello\n\n3\n{B}\nworld"),
        ("empty cue at the same time", f"1\n{A}\n\n2\n{A}\nhello\n\n3\n{B}\nworld\n\n4\n{B}\n"),
        ("tags", f"1\n{A}\n{{\\an8}}<i>hel</i>lo\n\n2\n{B}\n<font color=red>world</font>"),
    ],
)
def test_variations_that_players_accept_are_read(variation: str, text: str) -> None:
    assert cues(text) == HELLO_WORLD, variation


@pytest.mark.parametrize(
    "text",
    [
        "I counted\n42", "42", "a\n \nb", "a\n\nb", "3 < 4 & 5 > 4 &amp;", "a --> b", "00:00:01,000 to 00:00:02,000",
        "at 10:30:15", "word " * 3000, "ä\u2028b", "\u6f22\u5b57",
    ],
)  # fmt: skip
@pytest.mark.parametrize("number", ["{}\n", ""])
def test_text_is_kept_completely(text: str, number: str) -> None:
    content = "".join(f"{number.format(index + 1)}{line}\n{text}\n\n" for index, line in enumerate([A, B]))
    expected = " ".join(text.split())
    assert cues(content) == [(1.0, 2.0, expected), (3.5, 4.0, expected)]


words = st.text(st.sampled_from("ab1 .,!?'"), min_size=1, max_size=12).filter(lambda text: text.strip(" 1") != "")
spans = st.lists(st.integers(0, 596 * 3_600_000), min_size=2, max_size=12, unique=True).map(sorted)


@given(
    times=spans, text=st.lists(words, min_size=6, max_size=6), numbered=st.booleans(), gap=st.sampled_from(["", "\n"])
)
def test_what_is_written_is_read(times: list[int], text: list[str], numbered: bool, gap: str) -> None:
    written = list(zip(times[::2], times[1::2], text, strict=False))

    def clock(at: int) -> str:
        return f"{at // 3600000:02}:{at // 60000 % 60:02}:{at // 1000 % 60:02},{at % 1000:03}"

    content = "".join(
        f"{f'{index}{chr(10)}' if numbered else ''}{clock(start)} --> {clock(end)}\n{line}\n{gap}"
        for index, (start, end, line) in enumerate(written, start=1)
    )
    assert cues(content) == [(start / 1000, end / 1000, " ".join(line.split())) for start, end, line in written]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"1\n{A}\nhello\n\n2\n00:00:0x,500 --> 00:00:04,000\nworld", "line 6: .* is not a time line"),
        (f"1\n{A}\nhello\n\n2\n00:00:03,500 -> 00:00:04,000\nworld", "line 6: .* is not a time line"),
        (f"1\n{A}\nhello\n\n2\n00:00:03,500 \u2192 00:00:04,000\nworld", "line 6: .* is not a time line"),
        (f"1\n{A}\nhello\n\n2\n00:00:03 --> 00:00:04\nworld", "line 6: .* is not a time line"),
        (f"1\n{A}\nhello\n\n2\n00:00:03,5 --> 00:00:04,0\nworld", "line 6: .* is not a time line"),
        (f"1\n{A}\nhello\n\n2\n00:00:61,000 --> 00:01:02,000\nworld", "line 6: .* is not a time line"),
        (f"1\n{A}\nhello\n\n2\n-00:00:03,500 --> 00:00:04,000\nworld", "line 6: .* is not a time line"),
        (f"1\n{A}\nhello\n\n2\n00:00:03,500 --> 00:00:03,000\nworld", "line 6: the cue ends before it starts"),
        (f"1\n{A}\nhello\n\n2\n00:00:03,500 --> 00:0", "line 6: .* is not a time line"),
        (f"1\n{A}\nhello\n\n2\n00:00:03,5", "line 6: the file ends inside a time line"),
        ("1\n600:00:00,000 --> 600:00:01,000\nhello", "line 2: .* is not a time line"),
        ("1\nhello\n\n2\nworld\n", "line 1: no line has times"),
    ],
)
def test_malformed_time_line_is_rejected_with_its_number(text: str, reason: str) -> None:
    with pytest.raises(InvalidTranscript, match=reason) as caught:
        read_subrip(text, "a.srt")
    assert caught.value.subject == "a.srt"
    assert caught.value.fix


STYLES = "Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, BorderStyle, Outline, Shadow, Alignment, Encoding"
COLUMNS = "Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"
HEADER = f"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: {STYLES}\n\n[Events]\nFormat: {COLUMNS}\n"
EVENTS = r"""Dialogue: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,{\k50}He {\k30}is, too,\Nhappy\hnow
Comment: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,no speech
Dialogue: 0,0:00:01.50,0:00:02.25,Default,Ana,0,0,0,,{\an8\pos(1,2)}John {\b1}is{\b0} here.
Dialogue: 1,0:00:02.50,0:00:03.00,Default,,0,0,0,,{\p1}m 0 0 l 100 0{\p0}
Dialogue: 1,100:00:02.50,100:00:03.00,Default,,0,0,0,,late
"""
DIALOGUE = [(1.5, 2.25, "John is here."), (5.0, 6.0, "He is, too, happy now"), (360002.5, 360003.0, "late")]


def dialogue(text: str) -> list[tuple[float, float, str]]:
    return sorted((cue.start, cue.end, cue.text) for cue in read_ass(text, "a.ass") if cue.lines)


def test_dialogue_excludes_comments_drawings_and_overrides() -> None:
    assert dialogue(HEADER + EVENTS) == DIALOGUE
    assert dialogue(HEADER) == []
    assert dialogue(HEADER + EVENTS + EVENTS) == sorted(DIALOGUE * 2)


def test_ssa_files_are_read() -> None:
    ssa = HEADER.replace("v4.00+", "v4.00").replace("V4+", "V4").replace("Layer", "Marked")
    assert dialogue(ssa + EVENTS.replace("Dialogue: ", "Dialogue: Marked=")) == DIALOGUE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEADER + "Dialogue: 0,0:00:0x.50,0:00:08.00,Default,,0,0,0,,bad", "line 9: .* is not an event"),
        (HEADER + "Dialogue: 0,0:00:07.500,0:00:08.00,Default,,0,0,0,,bad", "line 9: .* is not an event"),
        (HEADER + "Dialogue: 0,0:00:07.50,0:0", "line 9: .* is not an event"),
        (HEADER + "Dialogue: 0,0:00:09.50,0:00:08.00,Default,,0,0,0,,bad", "line 9: the cue ends before"),
        (HEADER.replace("Start, End", "End, Start") + EVENTS, "line 8: unusual columns"),
    ],
)
def test_event_that_players_skip_is_rejected_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(InvalidTranscript, match=reason):
        read_ass(text, "a.ass")
