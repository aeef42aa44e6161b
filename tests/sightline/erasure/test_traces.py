"""How stored text names a patient."""

from __future__ import annotations

import pytest

from sightline.erasure import ERASED, Traces
from sightline.names import PatientName

OTHERS = ("anabel", "ana maria", "ana-b", "Mary ana")


def traces(patient: str = "ana") -> Traces:
    return Traces(PatientName.parse(patient), OTHERS, ["/data/videos/ana"], ["a" * 64])


@pytest.mark.parametrize(
    "text",
    [
        "ana", "ana/visit", "s3://videos/ana/clip.mp4", '{"patient": "ana"}', "ana: visit", "patient--ana/3",
        "process ana-2026.mp4", "model patient--ana", f"transcript-{'a' * 64}", "ana maria and ana",
    ],
)  # fmt: skip
def test_text_that_names_the_patient(text: str) -> None:
    assert traces().names(text)


@pytest.mark.parametrize(
    "text",
    ["anabel", "s3://videos/ana maria/clip.mp4", "patient--ana-b/3", "banana", "ana-b", "Ana", "Mary ana/x", "b" * 64],
)
def test_text_that_names_another_patient(text: str) -> None:
    assert not traces().names(text)
    assert not traces().owns(text)


def test_word_of_a_sentence_is_no_reference_in_a_document() -> None:
    may = Traces(PatientName.parse("may"))
    assert may.names("the model may drift")
    assert not may.owns("the model may drift")
    assert may.owns('{"patient": "may"}')
    assert may.owns("s3://videos/may/clip.mp4")


@pytest.mark.parametrize("text", ["Zoë", r"Zo\u00eb", "Zo%C3%AB", "Zoe\u0308"])
def test_other_spellings_of_the_name_count(text: str) -> None:
    assert traces("Zoë").names(f"videos/{text}/clip.mp4")


def test_masked_text_keeps_the_names_of_others() -> None:
    assert traces().masked("ana maria, ana and anabel") == f"ana maria, {ERASED} and anabel"
