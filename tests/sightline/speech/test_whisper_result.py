"""One sentence in the JSON of every program that runs Whisper."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import InvalidTranscript
from sightline.speech import Segment, read_transcript

WORDS = [("John", 0.5, 0.75, 0.5), ("is", 0.75, 1.0, 0.75), ("happy.", 1.0, 2.0, 1.0)]
TEXT = " John is happy."


def openai_whisper() -> dict[str, Any]:
    words = [{"word": f" {text}", "start": start, "end": end, "probability": p} for text, start, end, p in WORDS]
    segment = {"id": 0, "seek": 0, "start": 0.5, "end": 2.0, "text": TEXT, "tokens": [1], "avg_logprob": -0.5}
    return {"text": TEXT, "segments": [segment | {"words": words}], "language": "en"}


def faster_whisper() -> dict[str, Any]:
    content = openai_whisper()
    content["segments"][0] |= {"seek": 200, "temperature": 0.0, "compression_ratio": 0.7, "no_speech_prob": 0.1}
    return content


def whisper_x() -> dict[str, Any]:
    words = [{"word": text, "start": start, "end": end, "score": p} for text, start, end, p in WORDS]
    segment = {"start": 0.5, "end": 2.0, "text": TEXT, "words": words, "speaker": "SPEAKER_00"}
    return {"segments": [segment], "word_segments": words, "language": "en"}


def whisper_timestamped() -> dict[str, Any]:
    words = [{"text": text, "start": start, "end": end, "confidence": p} for text, start, end, p in WORDS]
    segment = {"id": 0, "start": 0.5, "end": 2.0, "text": TEXT, "avg_logprob": -0.5, "confidence": 0.7, "words": words}
    return {"text": TEXT, "segments": [segment], "language": "en"}


def whisper_cpp() -> dict[str, Any]:
    def token(text: str, start: float, end: float, p: float) -> dict[str, Any]:
        return {"text": text, "offsets": {"from": round(start * 1000), "to": round(end * 1000)}, "id": 1, "p": p}

    tokens = [token("[_BEG_]", 0.5, 0.5, 0.9)]
    tokens += [token(f" {text}", start, end, p) for text, start, end, p in WORDS[:2]]
    tokens += [token(" hap", 1.0, 1.5, 1.0), token("py", 1.5, 1.75, 1.0), token(".", 1.75, 2.0, 1.0)]
    times = {"timestamps": {"from": "00:00:00,500", "to": "00:00:02,000"}, "offsets": {"from": 500, "to": 2000}}
    return {
        "systeminfo": "AVX = 1", "model": {"type": "base"}, "params": {"language": "en"}, "result": {"language": "en"},
        "transcription": [times | {"text": TEXT, "tokens": [*tokens, token("[_TT_100]", 2.0, 2.0, 0.1)]}],
    }  # fmt: skip


DIALECTS = [openai_whisper, faster_whisper, whisper_x, whisper_timestamped, whisper_cpp]


def read(folder: Path, content: Any) -> tuple[Segment, ...]:
    path = folder / "result.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_transcript(path, lambda _: None).segments


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whisper")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same_words(folder: Path, dialect: Callable[[], dict[str, Any]]) -> None:
    (segment,) = read(folder, dialect())
    assert (segment.start, segment.end, segment.text) == (0.5, 2.0, "John is happy.")
    assert [(word.text, word.start, word.end, word.confidence) for word in segment.words] == WORDS
    assert segment.confidence == pytest.approx(0.75)
    assert read_transcript(folder / "result.json").language == "en"


unknown = st.sampled_from([None, math.nan, math.inf, -math.inf, "unknown", True, 7, -3])


@given(dialect=st.sampled_from(DIALECTS[:4]), data=st.data())
def test_unknown_values_are_left_out_and_change_nothing_else(folder: Path, dialect: Any, data: st.DataObject) -> None:
    content = dialect()
    segment = content["segments"][0]
    words = segment["words"]
    expected: dict[int, float | None] = {index: p for index, (*_, p) in enumerate(WORDS)}
    for index in data.draw(st.sets(st.integers(0, 2))):
        word = words[index]
        share = next(name for name in ("probability", "score", "confidence") if name in word)
        change = data.draw(st.sampled_from(["word", "start", "end", "missing", share]))
        if change == "word":
            words[index] = data.draw(st.sampled_from([None, "word", {}]))
        elif change == "missing":
            del word["start"], word["end"]
        else:
            word[change] = data.draw(st.none() | st.sampled_from([math.nan, math.inf, -math.inf]))
        if change == share:
            expected[index] = None
        else:
            del expected[index]
    segment["avg_logprob"] = data.draw(unknown)
    segment["no_speech_prob"] = math.nan
    content["language"] = data.draw(st.sampled_from([None, ""]))
    (read_segment,) = read(folder, content)
    assert (read_segment.start, read_segment.end, read_segment.text) == (0.5, 2.0, "John is happy.")
    assert [(word.text, word.confidence) for word in read_segment.words] == [
        (WORDS[index][0], share) for index, share in expected.items()
    ]


@pytest.mark.parametrize("share", [None, math.nan, math.inf, 7, -0.5, "high"])
def test_share_that_is_none_is_unknown(folder: Path, share: Any) -> None:
    content = whisper_timestamped()
    content["segments"][0]["words"] = None
    content["segments"][0] |= {"confidence": share, "avg_logprob": math.nan}
    (segment,) = read(folder, content)
    assert (segment.confidence, segment.words) == (None, ())


def test_confidence_without_words_is_the_segments_own_or_that_of_its_window(folder: Path) -> None:
    content = whisper_timestamped()
    del content["segments"][0]["words"]
    assert read(folder, content)[0].confidence == 0.7
    del content["segments"][0]["confidence"]
    assert read(folder, content)[0].confidence == pytest.approx(0.6065, abs=1e-4)


def test_segment_without_times_has_those_of_its_words(folder: Path) -> None:
    content = whisper_x()
    content["segments"][0] |= {"start": math.nan, "end": None}
    assert [(segment.start, segment.end) for segment in read(folder, content)] == [(0.5, 2.0)]


def test_tokens_of_whisper_cpp_without_times_are_left_out(folder: Path) -> None:
    content = whisper_cpp()
    del content["transcription"][0]["tokens"][1]["offsets"]
    content["transcription"][0]["tokens"][3]["p"] = math.nan
    (segment,) = read(folder, content)
    assert [(word.text, word.confidence) for word in segment.words] == [("is", 0.75), ("happy.", None)]
    del content["transcription"][0]["tokens"]
    assert read(folder, content)[0].words == ()


def test_segments_and_words_out_of_order_are_sorted(folder: Path) -> None:
    content = openai_whisper()
    content["segments"][0]["words"].reverse()
    content["segments"].append({"start": 0.25, "end": 0.5, "text": " Oh."})
    segments = read(folder, content)
    assert [segment.text for segment in segments] == ["Oh.", "John is happy."]
    assert [word.text for word in segments[1].words] == ["John", "is", "happy."]


def with_segment(**change: object) -> str:
    content = openai_whisper()
    content["segments"][0] |= change
    return json.dumps(content)


ACCEPTED = "Write it with openai-whisper, faster-whisper, whisperX, whisper-timestamped or whisper.cpp as JSON"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", f"JSON without segments or transcription .a list.. {ACCEPTED}"),
        ("[1]", "JSON without segments or transcription"),
        ('{"text": "hi", "chunks": []}', f"JSON without segments or transcription .chunks, text.. {ACCEPTED}"),
        ('{"segments": {}}', "segments: "),
        ('{"segments": [', "Invalid JSON: .* line 1 column"),
        (with_segment(end=None, words=None), r"segments\[0\].end: .*number"),
        (with_segment(end=math.nan, words=[]), r"segments\[0\].end: .*finite"),
        (with_segment(text=None), r"segments\[0\].text: .*string"),
        (with_segment(end=0.25), r"segments\[0\]: .*ends at 0.250 s, before it starts"),
        (with_segment(start=-1), r"segments\[0\]: start: .*greater than or equal to 0"),
    ],
)
def test_other_json_is_rejected_with_the_place(folder: Path, content: str, reason: str) -> None:
    with pytest.raises(InvalidTranscript, match=reason):
        read(folder, content)


@pytest.mark.parametrize(("name", "words"), [("whisper_nan", 0), ("whisperx_numeral", 5)])
def test_real_examples_are_read(shared_data: Callable[[str], Path], name: str, words: int) -> None:
    (segment,) = read_transcript(shared_data(f"cases/video/{name}.json")).segments
    assert (segment.start, segment.end, segment.text) == (0.2, 2.7, "John is happy at 7 today.")
    assert len(segment.words) == words
