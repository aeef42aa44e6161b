"""WebVTT as browsers read it. The classes of input are those of the web-platform-tests, webvtt/parsing/file-parsing."""

import random
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sightline.errors import InvalidTranscript
from sightline.speech.webvtt_file import parse_webvtt, read_webvtt
from tests.browser import launch_browser

TIMES = "00:00:00.000 --> 00:00:01.000"
LATER = "00:00:05.000 --> 00:00:06.000"

# Every file is loaded as a track; the answer is null if the browser refuses it.
READ_IN_BROWSER = """async (files) => Promise.all(files.map((file) => new Promise((resolve) => {
    const video = document.createElement("video"), track = document.createElement("track");
    const bytes = Uint8Array.from(atob(file), (char) => char.charCodeAt(0));
    track.default = true;
    track.src = URL.createObjectURL(new Blob([bytes]));
    track.onload = () => {
        resolve(Array.from(track.track.cues, (cue) => [cue.startTime, cue.endTime, cue.getCueAsHTML().textContent]));
        video.remove();
    };
    track.onerror = () => { resolve(null); video.remove(); };
    video.appendChild(track);
    document.body.appendChild(video);
})))"""


def signatures() -> Iterator[str]:
    for end in (
        "",
        "\n",
        " \n\n",
        "\t\n\n",
        " title\n\n",
        "X\n\n",
        "\f\n\n",
        "\u00a0\n\n",
        " -->\n\n",
        "\r\n\r\n",
        "\r\r",
    ):
        for cue in ("", f"{TIMES}\ntext\n"):
            yield f"WEBVTT{end}{cue}"


def headers() -> Iterator[str]:
    for header in ("", "Kind: captions\n", "-->\n", "Region: id=a\n\n", " \n", "\0\n"):
        yield f"WEBVTT\n{header}{TIMES}\ntext\n"


def times() -> Iterator[str]:
    """Yield every time line with one character inserted, replaced or removed."""
    for line in (TIMES, "00:00.000 --> 00:01.000", "00:00:00.000 --> 00:01.000", "100:00:00.000 --> 101:00:01.000"):
        for index in range(len(line) + 1):
            for change in ("", "\0", " ", "0", "x", ":", "-", "\t", "\u0660"):
                for rest in {line[index:], line[index + 1 :]}:
                    yield f"WEBVTT\n\n{line[:index]}{change}{rest}\ntext\n\n{LATER}\nafter\n"
    for seconds in (59, 60, 61):
        yield f"WEBVTT\n\n00:{seconds}:00.000 --> 01:00:00.000\ntext\n\n00:00:{seconds}.000 --> 00:02:00.000\ntext\n"
    yield "WEBVTT\n\n00:02.000 --> 00:01.000\nreversed\n"
    yield "WEBVTT\n\n00:02.000 --> 00:02.000\nno time\n"
    yield "WEBVTT\n\n00:02.000 --> 00:03"


def arrows() -> Iterator[str]:
    for line in ("-->", "a-->", "-->a", "--->", "-->-->", "-- >", "->", " ", "a\nb", "a\n\nb"):
        yield f"WEBVTT\n\n{line}\n{TIMES}\ntext 1\n{line}\n{TIMES}\ntext 2\n\n{LATER}\ntext 3"


def newlines() -> Iterator[str]:
    for end in ("\r", "\n", "\r\n", "\n\r"):
        yield f"WEBVTT\n\nid\n{TIMES}\na\nb\n\n{LATER}\nc\n".replace("\n", end)


def spaces() -> Iterator[str]:
    for space in (" ", "\t", "\f", "\v", "\u00a0", "\u2028"):
        yield f"WEBVTT\n\n{space}00:00.000{space}-->{space * 2}00:01.000{space}\n{space}text{space}\n{space}\nmore\n"
        yield f"WEBVTT\n\n{TIMES}\na\n{space}\nb\n{space}{LATER}\nc\n"


def blocks() -> Iterator[str]:
    for name in (" id", "1", "\0", "NOTE", "NOTE a", "STYLE", "REGION", "STYLE a", "REGION: id=a", "a --> b"):
        for text in ("", "some text\n"):
            for gap in ("", "\n"):
                yield f"WEBVTT\n\n{name}\n{text}{gap}{TIMES}\ntext\n\n{name}\n{text}{gap}{LATER}\nnext"


def settings() -> Iterator[str]:
    for setting in (
        "align:start",
        "line:-1%%",
        "position:10%,line-left",
        "region:a",
        "vertical:rl",
        "align",
        "a: b",
        "é",
    ):
        for space in (" ", "\t", "\0", ""):
            yield f"WEBVTT\n\n{TIMES}{space}{setting}\ntext\n"


def texts() -> Iterator[str]:
    for text in (
        "<v Ana>Hello <b>you</b></v>", "<v.loud Ana>a\nb", "<c.red>a</c><00:00:00.500><c> b</c>", "a &amp; &lt;c&gt;",
        "&nbsp;", "a&#x41;&eacute;&notanentity;", "<ruby>a<rt>b</rt></ruby>", "<lang en>a</lang>", "<i>a",
        " \na\n \nb",
    ):  # fmt: skip
        yield f"WEBVTT\n\n{TIMES}\n{text}\n"


def mixtures() -> Iterator[str]:
    parts = ["\n", "\n", "\n\n", TIMES, LATER, "00:00", " align:start", "text", "NOTE", "STYLE", "-->", " ", "\t", "\r"]
    choose = random.Random(1)
    for _ in range(400):
        yield "WEBVTT\n\n" + "".join(choose.choice(parts) for _ in range(choose.randint(2, 14)))


CLASSES = [signatures, headers, times, arrows, newlines, spaces, blocks, settings, texts, mixtures]


def ours(text: str) -> list[Any] | None:
    if not re.match(r"WEBVTT(?:[ \t\r\n]|$)", text):
        return None
    return [(cue.start, cue.end, cue.text) for cue in parse_webvtt(text, "a.vtt").cues]


def by_time(cues: list[Any] | None) -> list[Any] | None:
    return cues and sorted((round(start, 3), round(end, 3), " ".join(text.split())) for start, end, text in cues)


@pytest.mark.slow
def test_files_are_read_as_the_browser_reads_them() -> None:
    files = {make.__name__: list(dict.fromkeys(make())) for make in CLASSES}
    with launch_browser() as browser:
        tab = browser.new_page()
        expected = {
            name: tab.evaluate(READ_IN_BROWSER, [b64encode(text.encode()).decode() for text in texts])
            for name, texts in files.items()
        }
    total = agreed = 0
    different = []
    for name, texts in files.items():
        pairs = list(zip(texts, expected[name], strict=True))
        wrong = [(text, answer, ours(text)) for text, answer in pairs if by_time(ours(text)) != by_time(answer)]
        print(f"{name}: {len(texts) - len(wrong)} of {len(texts)}")
        total, agreed = total + len(texts), agreed + len(texts) - len(wrong)
        different += wrong
    print(f"WebVTT files with the cues that the browser displays: {agreed} of {total}, {agreed / total:.2%}")
    assert total > 1500
    assert different[:5] == []


# By the specification; the tests of the same names in the web-platform-tests have inputs of these kinds.
@pytest.mark.parametrize(
    ("name", "text", "cues"),
    [
        ("signature-no-newline", "WEBVTT", []),
        ("header-timings", f"WEBVTT\n{TIMES}\na", ["a"]),
        ("header-garbage", f"WEBVTT\ngarbage\n{TIMES}\na", ["a"]),
        (
            "arrows",
            f"WEBVTT\n\n-->\n{TIMES}\na\nb-->\n{TIMES}\nc\n-->-->\n{TIMES}\nd\n{TIMES}\ne",
            ["a", "c", "d", "e"],
        ),
        ("ids", f"WEBVTT\n\n -> \n{TIMES}\na\n\n \n{TIMES}\nb", ["a", "b"]),
        ("newlines", f"WEBVTT\r\rid\r{TIMES}\ra\r\nid\n\r{TIMES}\n\rb", ["a id", ""]),
        (
            "nulls",
            f"WEBVTT\n\0\n{TIMES}\na\0\n\n0\0:00.000 --> 00:01.000\nb\n\n{TIMES}\0align:end\nc",
            ["a\ufffd", "c"],
        ),
        ("whitespace-chars", f"WEBVTT\n\n \f\t{TIMES}\t\n  a\n\n\v{TIMES}\nb", ["a"]),
        ("timings-60", "WEBVTT\n\n00:60.000 --> 01:10.000\na\n\n60:00.000 --> 61:00.000\nb", []),
        ("timings-eof", "WEBVTT\n\n00:00.000 --> 00:01.00", []),
        ("timings-negative", "WEBVTT\n\n00:01.000 --> 00:00.999\na", ["a"]),
        ("timings-omitted-hours", "WEBVTT\n\n00:00.000 --> 00:00:01.000\na", ["a"]),
        ("timings-too-long", "WEBVTT\n\n00:00.0000 --> 00:01.000\na\n\n000:00:00.000 --> 0000:00:01.000\nb", ["b"]),
        ("timings-too-short", "WEBVTT\n\n0:00.000 --> 00:01.000\na\n\n0:00:00.000 --> 0:00:01.000\nb", ["b"]),
        ("regions-old", f"WEBVTT\n\nREGION: id=a width=40%\n\n{TIMES} region:a\na", ["a"]),
        ("stylesheets", f"WEBVTT\n\nSTYLE\n::cue {{ color: red }}\n\n{TIMES}\na\n\nSTYLE\nb\n\n{TIMES}\nc", ["a", "c"]),
    ],
)
def test_cues_follow_the_specification(name: str, text: str, cues: list[str]) -> None:
    assert [cue.text for cue in parse_webvtt(text, name).cues] == cues


def test_text_outside_of_cues_is_reported_with_its_line() -> None:
    text = f"WEBVTT\n\nNOTE\nno text\n\n1\n\n{TIMES}\nshown\n\nlost\nas well\n\na\nb\nid\n{LATER}\nnext"
    reports: list[str] = []
    cues, _ = read_webvtt(text, "a.vtt", reports.append)
    assert [cue.text for cue in cues] == ["shown", "next"]
    assert reports == ["a.vtt, line 11: 'lost' is outside of a cue and is not displayed; 4 such lines were left out"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("WEBVTTX\n\n", "line 1: .*WEBVTT"),
        ("WEBVTT\n\n00:01.000 --> 00:02\nhi\n", "line 3: .* is not a time line"),
        ("WEBVTT\n\n00:01.000 --> 00:61.000\nhi\n", "line 3: .* is not a time line"),
        ("WEBVTT\n\n-00:01.000 --> 00:02.000\nhi\n", "line 3: .* is not a time line"),
        ("WEBVTT\n\n00:01.000 --> 00:01.500\nthere --> here\n", "line 4: .* is not a time line"),
        ("WEBVTT\n\none\ntwo\n00:02.000 --> 00:01.000\nhi\n", "line 5: the cue ends before it starts"),
        ("WEBVTT\n\n00:02.000 --> 00:03.000\nhi\n\n00:04.000 --> 00:0", "line 6: .* is not a time line"),
    ],
)
def test_cue_that_browsers_do_not_display_is_rejected_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(InvalidTranscript, match=reason) as caught:
        read_webvtt(text, "a.vtt", print)
    assert caught.value.subject == "a.vtt"
    assert caught.value.fix


def test_decimal_comma_is_read_as_a_point() -> None:
    cues, _ = read_webvtt("WEBVTT\n\n1:00:01,250 --> 1:00:02,500 align:start\nhi\n", "a.vtt", print)
    assert [(cue.start, cue.end, cue.text) for cue in cues] == [(3601.25, 3602.5, "hi")]


def test_automatic_captions_with_a_line_of_one_space_are_read(shared_data: Any) -> None:
    path: Path = shared_data("cases/video/youtube_rolling_space_line.vtt")
    cues, language = read_webvtt(path.read_text(), "a.vtt", print)
    assert [cue.lines[-1] for cue in cues[::2]] == ["Maria is sad because", "the bus was late", "and she walked"]
    assert language == "en"
    assert [(word.text, word.start, word.end) for word in cues[0].words[0]] == [
        ("Maria", 0.1, 0.3), ("is", 0.3, 0.5), ("sad", 0.5, 0.8), ("because", 0.8, 1.19),
    ]  # fmt: skip
