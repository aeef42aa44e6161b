import pytest
from pydantic import ValidationError

from sightline.speech import Segment, Transcript, Word


def segment(start: float, end: float, text: str = "hello") -> Segment:
    return Segment(start=start, end=end, text=text, words=(Word(start=start, end=end, text=text, confidence=0.5),))


def transcript(*segments: Segment) -> Transcript:
    return Transcript(segments=segments, language="en", engine="whisper", model="base")


def test_transcript_survives_a_json_round_trip() -> None:
    original = transcript(segment(0, 1.25), segment(1, 3, "again"))
    assert Transcript.model_validate_json(original.model_dump_json()) == original


def test_text_joins_the_segments() -> None:
    assert transcript(segment(0, 1, "John is"), segment(1, 2, "happy.")).text == "John is happy."


def test_transcript_is_immutable() -> None:
    with pytest.raises(ValidationError):
        transcript().language = "de"


def test_segments_may_overlap_but_must_start_in_order() -> None:
    transcript(segment(0, 5), segment(1, 2), segment(1, 6))
    with pytest.raises(ValidationError, match=r"segments\[2\] starts at 0.500 s, before segments\[1\] at 1.000 s"):
        transcript(segment(0, 5), segment(1, 2), segment(0.5, 6))
    with pytest.raises(ValidationError, match=r"words\[1\] starts at 1.000 s, before words\[0\]"):
        Segment(start=0, end=9, text="b a", words=(Word(start=2, end=3, text="b"), Word(start=1, end=2, text="a")))


@pytest.mark.parametrize(
    ("start", "end", "confidence"),
    [(2, 1, None), (-1, 1, None), (0, float("nan"), None), (0, float("inf"), None), (0, 1, 1.5), (0, 1, -0.1)],
)
def test_invalid_times_and_confidences_are_rejected(start: float, end: float, confidence: float | None) -> None:
    with pytest.raises(ValidationError):
        Word(start=start, end=end, text="no", confidence=confidence)
