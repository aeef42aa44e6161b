"""One row per photo with its best person; other sizes of a photo, and other formats, are grouped with it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from sightline.ranking import (
    PHOTOS,
    Ranked,
    RankedPerson,
    RankedPhoto,
    RankingRun,
    fingerprint_of,
    read_photos,
    similar_groups,
)
from sightline.training.ranking import draw_runners, random_runner
from sightline.vision import Limits, Outcome, decode
from tests.browser import check_readable
from tests.tiffs import dng

FILES = Path(__file__).parent.parent / "vision" / "files"


def scene(seed: int, size: int = 256) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def entry(uri: str, number: int, ranking: float | None, photo: Image.Image | None = None) -> Ranked:
    outcome = Outcome.REJECTED if ranking is None else Outcome.ACCEPTED
    person = RankedPerson(
        uri=uri, sha256=None, person=number, ranking=ranking, score=ranking, outcome=outcome, model="m/1",
        reason="blurred" if ranking is None else None,
    )  # fmt: skip
    thumbnail = io.BytesIO()
    Image.new("RGB", (9, 12), "red").save(thumbnail, "JPEG")
    return Ranked(person, thumbnail.getvalue(), fingerprint_of(np.asarray(photo)) if photo else None)


def finished(tmp_path: Path, *entries: Ranked) -> list[RankedPhoto]:
    run = RankingRun(tmp_path, "k" * 32)
    run.keep(0, entries)
    images = len({ranked.person.uri for ranked in entries})
    summary = run.finish(1, images, "m/1", fixed=True).summary
    photos = read_photos((tmp_path / PHOTOS).read_bytes())
    assert (summary.images, summary.people) == (images, sum(photo.people for photo in photos))
    assert summary.photos_ranked == sum(photo.ranking is not None for photo in photos)
    return photos


def test_photo_has_its_best_person_and_its_copies_a_group(tmp_path: Path) -> None:
    photos = finished(
        tmp_path,
        entry("a.jpg", 1, 0.4, scene(1)),
        entry("a.jpg", 2, 0.9),
        entry("a.jpg", 3, None),
        entry("nobody.jpg", 0, None, scene(3)),
        entry("b.jpg", 1, 0.6, scene(2)),
        entry("web/a.jpg", 1, 0.7, scene(1, 90)),
    )
    assert [(photo.place, photo.uri, photo.person, photo.people, photo.ranked) for photo in photos] == [
        (1, "a.jpg", 2, 3, 2), (2, "web/a.jpg", 1, 1, 1), (3, "b.jpg", 1, 1, 1), (None, "nobody.jpg", None, 0, 0),
    ]  # fmt: skip
    assert [photo.best_of_group for photo in photos] == [True, False, True, True]
    assert photos[0].group == photos[1].group
    assert len({photo.group for photo in photos}) == 3
    with (tmp_path / "photos.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["uri"], row["best_of_group"], row["reason"]) for row in rows] == [
        ("a.jpg", "true", ""), ("web/a.jpg", "false", ""), ("b.jpg", "true", ""), ("nobody.jpg", "true", "blurred"),
    ]  # fmt: skip


def test_page_shows_each_picture_once_and_escapes_names(tmp_path: Path) -> None:
    finished(
        tmp_path,
        entry("<b>x.jpg", 1, 0.9, scene(1)),
        entry("small.jpg", 1, 0.8, scene(1, 100)),
        entry("long" * 40 + ".jpg", 1, 0.7, scene(2)),
        entry("dark.jpg", 0, None),
    )
    page = (tmp_path / "ranking.html").read_text("utf-8")
    assert page.count('class="tile"') == 2
    assert "also: small.jpg" in page
    assert "&lt;b&gt;x.jpg" in page
    assert "<b>x.jpg" not in page
    assert "<td>dark.jpg</td><td>blurred</td>" in page
    check_readable(page, tmp_path)
    assert " ".join(page.split()).count("4 photos: 3 ranked, which show 2 different pictures. 3 people: 3 ranked") == 1


def test_chunk_of_an_earlier_version_is_read() -> None:
    ranked = entry("a.jpg", 1, 0.5, scene(1))
    line = RankingRun.encode(ranked)
    assert RankingRun.decode(line.encode()) == ranked
    earlier = line[: line.index(', "fingerprint"')] + "}"
    assert RankingRun.decode(earlier.encode()) == ranked._replace(fingerprint=None)


def edits(photo: Image.Image) -> list[Image.Image]:
    width, height = photo.size
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=30)
    return [
        photo.resize((width // 2, height // 2)),
        Image.open(file).convert("RGB"),
        ImageEnhance.Brightness(photo).enhance(0.8),
    ]


def test_real_photos_are_grouped_with_their_edits_only(shared_data: Callable[[str], Path]) -> None:
    photos = [Image.open(file).convert("RGB") for file in sorted(shared_data("people").glob("*.jpg"))]
    prints = [fingerprint_of(np.asarray(image)) for photo in photos for image in (photo, *edits(photo))]
    assert similar_groups(prints).tolist() == [number for number in range(len(photos)) for _ in range(4)]


def test_people_before_the_same_background_are_different_photos() -> None:
    photos = []
    for number in range(20):
        rng = np.random.default_rng(number)
        photos.append(Image.fromarray(draw_runners([random_runner(rng, "good")], rng)))
    prints = [fingerprint_of(np.asarray(image)) for photo in photos for image in (photo, *edits(photo))]
    assert similar_groups(prints).tolist() == [number for number in range(20) for _ in range(4)]


def test_photos_without_a_fingerprint_or_of_one_colour_are_similar_to_none() -> None:
    plain: NDArray[np.uint8] = np.full((40, 40, 3), 90, np.uint8)
    assert similar_groups([None, fingerprint_of(plain), None, fingerprint_of(plain)]).tolist() == [0, 1, 2, 3]
    assert similar_groups([]).tolist() == []


@pytest.mark.parametrize(
    "data",
    [(FILES / "scene.heic").read_bytes(), dng(np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 4, (1, 64, 3)))],
)
def test_photos_of_phones_and_cameras_have_fingerprints(data: bytes) -> None:
    assert len(fingerprint_of(decode(data, None, Limits()).pixels)) == 8 + 768
