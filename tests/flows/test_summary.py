"""The result of a run as text for a terminal."""

from __future__ import annotations

from typing import Any

from flows.summary import summary_lines


def lines(**fields: Any) -> list[str]:
    return list(summary_lines(fields))


def test_values_are_aligned_and_readable() -> None:
    assert lines(patient="ana", poses_extracted=3, accuracy=0.123456789, promoted=True, model=None, names=[]) == [
        "  patient          ana",
        "  poses extracted  3",
        "  accuracy         0.123457",
        "  promoted         yes",
        "  model            none",
        "  names            none",
    ]


def test_records_are_a_table() -> None:
    left_out = [
        {"session": "a", "emotion": "happy", "reason": "too short", "details": {"x": 1}, "note": None},
        {"session": "visit", "emotion": "sad", "reason": "no patient", "details": {}, "note": None},
    ]
    assert lines(left_out=left_out) == [
        "  left out  2 entries",
        "    session  emotion  reason      details",
        "    a        happy    too short   1 entry",
        "    visit    sad      no patient",
    ]


def test_long_list_of_records_is_cut_and_counted() -> None:
    shown = lines(rows=[{"number": number} for number in range(1_500)])
    assert shown[0] == "  rows  1,500 entries"
    assert len(shown) == 1 + 1 + 12 + 1
    assert shown[-1] == "    and 1,488 more (--json lists them)"


def test_records_inside_a_field_are_counted() -> None:
    assert lines(gate={"passed": False, "sessions": [{"a": 1}, {"a": 2}]}) == ["  gate  passed no, sessions 2 entries"]


def test_long_list_of_values_is_cut_and_counted() -> None:
    assert lines(names=[str(number) for number in range(20)])[0].endswith("10, 11, and 8 more (--json lists them)")


def test_long_text_is_cut_but_a_path_is_not() -> None:
    path = "/data/" + "x" * 1000
    said, place = lines(said="word " * 200, place=path)
    assert said.endswith("… (1,000 characters, all of them with --json)")
    assert place.endswith(path)


def test_identifiers_in_capitals_stay_unchanged() -> None:
    assert lines(limits={"MIN_EMOTIONS": 2, "file_count": 3}) == ["  limits  MIN_EMOTIONS 2, file count 3"]
