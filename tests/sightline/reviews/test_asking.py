"""Questions about uncertain images, their pages and thumbnails, and answers from a file."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from sightline import storage
from sightline.errors import InvalidInput
from sightline.reviews import (
    Question,
    data_url,
    in_order,
    pages_of,
    questions_of_model,
    questions_of_results,
    read_answers,
    thumbnail,
)
from sightline.storage import Location
from sightline.vision import OUT_OF_DISTRIBUTION, ImageRecord, Limits, Outcome
from tests.images import grey, image_file
from tests.reviewing import question


def record(uri: str, **changes: Any) -> ImageRecord:
    fields: dict[str, Any] = {
        "uri": uri, "sha256": "a" * 64, "class_name": "bicycle", "probabilities": {"bicycle": 0.6, "motorcycle": 0.4},
        "confidence": 0.6, "threshold": 0.93, "outcome": Outcome.LOW_CONFIDENCE, "model": "vehicles/3", "timings": {},
    }  # fmt: skip
    return ImageRecord(**{**fields, **changes})


def store(folder: Location, *records: ImageRecord) -> None:
    text = "".join(f"{record.model_dump_json()}\n" for record in records)
    storage.write_bytes(folder / "review.jsonl", text.encode())


class TestGathering:
    @pytest.mark.parametrize("named", ["", "results.jsonl", "review.jsonl"])
    def test_uncertain_images_of_a_run_become_questions(self, bucket: Location, named: str) -> None:
        store(bucket / "run", record("/a.png"), record("inline:0", sha256="b" * 64))
        question_set = questions_of_results(bucket / "run" / named if named else bucket / "run")
        [asked] = question_set.questions
        assert (asked.model, asked.uri, asked.proposed, asked.choices) == (
            "vehicles/3", "/a.png", "bicycle", ("bicycle", "motorcycle"),
        )  # fmt: skip
        assert "the confidence 0.60 is below the threshold 0.93" in asked.why
        assert question_set.left_out == ("inline:0",), "the image of a payload is not stored"

    @pytest.mark.parametrize(
        ("strangeness", "why"),
        [
            (1.5, "vehicles/3 does not know images of this kind (distance 1.50, limit 1): its class is a guess"),
            (None, "vehicles/3 does not know images of this kind: its class is a guess"),
        ],
    )
    def test_question_about_an_image_of_an_unknown_kind_says_so(
        self, bucket: Location, strangeness: float | None, why: str
    ) -> None:
        store(bucket / "run", record("/a.png", reason=OUT_OF_DISTRIBUTION, strangeness=strangeness, confidence=0.99))
        [asked] = questions_of_results(bucket / "run").questions
        assert asked.why == why

    def test_missing_and_damaged_results_are_named(self, bucket: Location) -> None:
        with pytest.raises(InvalidInput, match=r"there is no review\.jsonl"):
            questions_of_results(bucket / "nothing")
        storage.write_bytes(bucket / "run" / "review.jsonl", b"{}\n")
        with pytest.raises(InvalidInput, match=r"review\.jsonl: is damaged"):
            questions_of_results(bucket / "run")

    def test_runs_are_selected_by_model_name_or_version(self, bucket: Location) -> None:
        for folder, model in (
            ("vehicles-3/a", "vehicles/3"), ("vehicles-12/b", "vehicles/12"), ("vehicles-old-1/c", "vehicles-old/1"),
            ("cars/d", "endpoint://cars"),
        ):  # fmt: skip
            store(bucket / folder, record(f"/{folder}.png", model=model))
        storage.write_bytes(bucket / "vehicles-3" / "unfinished" / "000001.jsonl", b"")
        asked = {
            name: sorted(question.model for question in questions_of_model(bucket, name).questions)
            for name in ("vehicles", "vehicles/3", "endpoint://cars", "nobody")
        }
        assert asked == {
            "vehicles": ["vehicles/12", "vehicles/3"], "vehicles/3": ["vehicles/3"],
            "endpoint://cars": ["endpoint://cars"], "nobody": [],
        }  # fmt: skip


questions = st.builds(
    question,
    st.integers(0, 500),
    model=st.sampled_from(["a/1", "a/2", "b/1"]),
    proposed=st.sampled_from(["bicycle", "motorcycle"]),
    confidence=st.floats(0, 1),
)


class TestPages:
    @given(st.lists(questions, max_size=40), st.integers(1, 12))
    def test_page_is_bounded_ordered_and_about_one_model(self, rows: list[Question], size: int) -> None:
        pages = pages_of(rows, size)
        asked = [question for page in pages for question in page.questions]
        assert asked == in_order(rows)
        assert [page.number for page in pages] == list(range(1, len(pages) + 1))
        assert all(1 <= len(page.questions) <= size for page in pages)
        for page in pages:
            assert len({question.model for question in page.questions}) == 1
            keys = [(row.choices.index(row.proposed), row.confidence) for row in page.questions]
            assert keys == sorted(keys)

    def test_class_named_like_a_fixed_answer_is_rejected(self) -> None:
        with pytest.raises(ValidationError, match="cannot be called cannot tell"):
            question(choices=("bicycle", "cannot tell"))


class TestThumbnails:
    def test_thumbnail_is_small_and_keeps_the_aspect_ratio(self, tmp_path: Path) -> None:
        file = tmp_path / "wide.png"
        file.write_bytes(image_file(1, (640, 320)))
        jpeg = thumbnail(question(uri=str(file)), Limits())
        assert jpeg
        assert Image.open(io.BytesIO(jpeg)).size == (160, 80)
        assert data_url(jpeg).startswith("data:image/jpeg;base64,/9j/")

    def test_thumbnail_of_a_session_shows_three_frames(self, tmp_path: Path) -> None:
        for number in range(7):
            (tmp_path / f"frame_{number:03d}.jpg").write_bytes(grey(30 * number, (64, 48)))
        jpeg = thumbnail(question(kind="session", frames=str(tmp_path)), Limits())
        assert jpeg
        strip = Image.open(io.BytesIO(jpeg))
        assert strip.size == (480, 120)
        shades = [strip.getpixel((x, 60)) for x in (80, 240, 400)]
        assert [shade[0] for shade in shades] == pytest.approx([0, 90, 180], abs=3)

    @pytest.mark.parametrize("data", [b"", b"no image", image_file()[:60]])
    def test_unreadable_image_has_no_thumbnail(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "x.png").write_bytes(data)
        assert thumbnail(question(uri=str(tmp_path / "x.png")), Limits()) is None
        assert thumbnail(question(uri="/nowhere.png"), Limits()) is None
        assert thumbnail(question(kind="session", frames=str(tmp_path / "none")), Limits()) is None


class TestAnswersFile:
    def test_answers_are_matched_by_uri_hash_or_session(self, tmp_path: Path) -> None:
        asked = [question(1), question(2), question(3, session="ana/clip"), question(4)]
        answers = {
            asked[0].uri: "bicycle",
            asked[1].sha256: "none of these",
            "ana/clip": "motorcycle",
            asked[3].uri: "later",
        }
        (tmp_path / "a.json").write_text(json.dumps({"reviewer": " kim ", "answers": answers}))
        answers_file = read_answers(tmp_path / "a.json")
        assert answers_file.reviewer == "kim"
        assert answers_file.matched(asked, "a.json") == [
            (asked[0], "bicycle"), (asked[1], "none of these"), (asked[2], "motorcycle"),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("[]", "should be"), ('{"reviewer": " ", "answers": {}}', "reviewer"), ('{"answers": {}}', "reviewer"),
            ('{"reviewer": "kim", "answers": {}, "more": 1}', "more"), ("{", "JSON"),
        ],
    )  # fmt: skip
    def test_invalid_answers_file_is_rejected(self, tmp_path: Path, text: str, complaint: str) -> None:
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(InvalidInput, match=rf"a\.json: .*{complaint}"):
            read_answers(tmp_path / "a.json")
        with pytest.raises(InvalidInput, match="there is no such file"):
            read_answers(tmp_path / "b.json")

    def test_unknown_answer_is_named_with_the_valid_ones(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_text(json.dumps({"reviewer": "kim", "answers": {question(1).uri: "car"}}))
        with pytest.raises(
            InvalidInput, match=r"'car' is not an answer to /pictures/1\.png.* Use one of bicycle, motorcycle"
        ):
            read_answers(tmp_path / "a.json").matched([question(1)], "a.json")
