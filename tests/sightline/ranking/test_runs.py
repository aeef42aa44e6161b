"""Photos ranked one chunk at a time: records, table, sheet, and resuming."""

from __future__ import annotations

import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from sightline import storage, vision
from sightline.pose import Box
from sightline.ranking import (
    DroppedPerson,
    DropReason,
    Prepared,
    PreparedPerson,
    PrepareParameters,
    Ranked,
    RankedPerson,
    Ranker,
    RankingRun,
    contact_sheet,
    load_ranker,
    rank_photos,
)
from sightline.registry import Registry
from sightline.storage import Location
from sightline.vision import ImageRef, Outcome
from tests.images import grey
from tests.ranking import publish_brightness


class PoseStub(NamedTuple):
    """Replaces the pose models: a grey photo has two people of its brightness, a black one has none."""

    def prepare(self, rgb: NDArray[np.uint8], parameters: PrepareParameters) -> Prepared:
        if not rgb.any():
            return Prepared((), (DroppedPerson(DropReason.NOBODY_FOUND, "no person is visible in the photo"),))
        known: dict[str, Any] = {"box": Box(0, 0, 8, 16), "confidence": 0.9, "sharpness": 200.0}
        missing = DroppedPerson(DropReason.LEGS_NOT_SEEN, "neither knee is visible below the hips", Box(0, 0, 8, 16))
        return Prepared(
            (
                PreparedPerson(crop=rgb, upper_body=rgb[:9], lower_body=rgb[9:], arms_above_head=True, **known),
                PreparedPerson(
                    crop=rgb,
                    upper_body=rgb,
                    lower_body=None,
                    arms_above_head=False,
                    without_lower_body=missing,
                    **known,
                ),
            ),
            (DroppedPerson(DropReason.LOW_CONFIDENCE, "a confidence of 0.3", Box(1, 1, 3, 3), 0.3),),
        )


@pytest.fixture
def ranker(tmp_path: Path) -> Ranker:
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    publish_brightness(registry)
    return load_ranker(registry, "running-style")


def ranked(ranker: Ranker, refs: list[ImageRef], **options: Any) -> list[Ranked]:
    return rank_photos(refs, ranker, PoseStub(), PrepareParameters(), **options)  # type: ignore[arg-type]


def refs(*levels: int | None) -> list[ImageRef]:
    """Return photos of these brightnesses; None is a file that is not an image."""
    return [
        ImageRef(uri=f"{place}.png", data=b"no image" if level is None else grey(level))
        for place, level in enumerate(levels)
    ]


def test_every_person_in_a_photo_has_a_record_and_a_number(ranker: Ranker) -> None:
    first, second, third = (entry.person for entry in ranked(ranker, refs(200)))
    assert (first.person, first.outcome, first.reason) == (1, Outcome.ACCEPTED, None)
    assert first.ranking == pytest.approx(first.score + 0.1 * (1 - first.score))  # type: ignore[operator]
    assert (second.person, second.outcome, second.reason, second.ranking) == (2, "rejected", "legs_not_seen", None)
    assert (third.person, third.outcome, third.reason, third.confidence) == (3, "low_confidence", "low_confidence", 0.3)
    assert {person.model for person in (first, second, third)} == {"running-style/1"}


def test_unusable_photo_has_a_record_with_its_reason(ranker: Ranker) -> None:
    people = [person for person, *_ in ranked(ranker, [*refs(0, None), ImageRef.named("/nowhere/a.png")])]
    assert [(person.person, person.reason, person.outcome) for person in people] == [
        (0, "nobody_found", "rejected"), (0, "not_an_image", "rejected"), (0, "missing", "rejected"),
    ]  # fmt: skip
    assert [person.sha256 is None for person in people] == [False, False, True]


def test_bonus_can_be_overridden(ranker: Ranker) -> None:
    [person] = [person for person, *_ in ranked(ranker, refs(200), bonus=0.0) if person.ranking is not None]
    assert person.ranking == person.score


def test_chunks_and_one_batch_have_equal_results(ranker: Ranker) -> None:
    photos = refs(10, 90, 170, 250)
    together = [person for person, *_ in ranked(ranker, photos)]
    apart = [person for photo in photos for person, *_ in ranked(ranker, [photo])]
    assert together == apart


def test_finished_run_has_records_table_and_sheet_best_first(ranker: Ranker, bucket: Location) -> None:
    run = RankingRun(bucket / "out", "k" * 32)
    photos = refs(40, 240, 0, 140)
    run.keep(0, ranked(ranker, photos[:2]))
    assert run.done() == {0}
    assert run.finished() is None
    run.keep(1, ranked(ranker, photos[2:]))
    ended = run.finish(2, 4, "running-style/1", fixed=True)
    lines = [json.loads(line) for line in storage.read_bytes(bucket / "out" / vision.RESULTS).splitlines()]
    assert [line["uri"] for line in lines if line["ranking"] is not None] == ["1.png", "3.png", "0.png"]
    assert len(lines) == 10
    table = pq.read_table(io.BytesIO(storage.read_bytes(bucket / "out" / vision.TABLE)))
    assert table["ranking"].to_pylist() == [line["ranking"] for line in lines]
    assert table["box_bottom"].to_pylist()[0] == 16
    summary = ended.summary
    assert (summary.images, summary.ranked, summary.low_confidence, summary.rejected) == (4, 3, 3, 4)
    assert summary.reasons == {"legs_not_seen": 3, "low_confidence": 3, "nobody_found": 1}
    assert summary.best[0].uri == "1.png"
    assert Image.open(io.BytesIO(storage.read_bytes(bucket / "out" / "sheet.jpg"))).format == "JPEG"
    assert run.finished() == ended
    assert {file.location.name for file in storage.walk(bucket / "out")} == {
        "results.csv", "results.jsonl", "results.parquet", "photos.csv", "photos.parquet", "ranking.html", "sheet.jpg",
        "run.json", "skipped.jsonl",
    }  # fmt: skip


def test_transient_reason_keeps_a_ranking_unfinished(tmp_path: Path) -> None:
    run = RankingRun(tmp_path, "k" * 32)
    person = RankedPerson(uri="a", sha256=None, person=0, outcome=Outcome.REJECTED, reason="unreachable", model="m/1")
    run.keep(0, [Ranked(person, None)])
    assert run.done() == set()
    assert not run.finish(1, 1, "m/1", fixed=True).final
    assert run.finished() is None


def person(place: int, ranking: float | None) -> RankedPerson:
    outcome = Outcome.REJECTED if ranking is None else Outcome.ACCEPTED
    return RankedPerson(
        uri=f"{place}.png", sha256=None, person=1, ranking=ranking, score=ranking, outcome=outcome, model="m/1"
    )


@settings(max_examples=20)
@given(st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.5, 0.75, 1.0])), min_size=1, max_size=40))
def test_results_are_the_stable_sort_of_all_chunks(rankings: list[float | None]) -> None:
    people = [person(place, ranking) for place, ranking in enumerate(rankings)]
    with TemporaryDirectory() as name:
        run = RankingRun(Path(name), "k" * 32)
        for number, ranked_person in enumerate(people):
            run.keep(number, [Ranked(ranked_person, None)])
        summary = run.finish(len(people), len(people), "m/1", fixed=True).summary
        lines = (Path(name) / vision.RESULTS).read_bytes().splitlines()
        rows = pq.read_table(Path(name) / vision.TABLE).to_pylist()
    ordered = sorted(people, key=lambda row: (row.ranking is None, -(row.ranking or 0.0)))
    assert [RankedPerson.model_validate_json(line) for line in lines] == ordered
    assert [row["uri"] for row in rows] == [row.uri for row in ordered]
    ranked_people = [row for row in ordered if row.ranking is not None]
    assert (summary.ranked, list(summary.best)) == (len(ranked_people), ranked_people[:20])


def test_ranking_finished_by_another_process_returns_its_results(tmp_path: Path) -> None:
    first, second = (RankingRun(tmp_path, "k" * 32) for _ in range(2))
    first.keep(0, [Ranked(person(0, 0.5), b"")])
    assert second.done() == {0}
    ended = first.finish(1, 1, "m/1", fixed=True)
    assert second.finish(1, 1, "m/1", fixed=True) == ended


def test_sheet_of_nobody_or_too_many_people_is_drawn() -> None:
    assert Image.open(io.BytesIO(contact_sheet([], "nobody"))).width >= 500
    thumbnail = io.BytesIO()
    Image.new("RGB", (60, 120), "red").save(thumbnail, "JPEG")
    person = RankedPerson(
        uri="s3://photos/" + "long" * 40 + ".jpg", sha256=None, person=1, score=0.5, ranking=0.55,
        arms_above_head=True, outcome=Outcome.ACCEPTED, model="m/1",
    )  # fmt: skip
    sheet = Image.open(io.BytesIO(contact_sheet([Ranked(person, thumbnail.getvalue())] * 230, "a title " * 60)))
    assert sheet.width < 1500
    assert sheet.height < 20 * 230 + 100
