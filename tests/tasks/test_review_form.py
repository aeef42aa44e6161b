"""The form of a page: its fields, its validation, and escaped names."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from sightline.reviews import SOMEONE_ELSES, THEIRS, Page, pages_of
from sightline.vision import Limits
from tasks.review_form import answers_of, form_of, reviewer_of
from tests.images import image_file
from tests.reviewing import question


def page_of(*uris: str) -> Page:
    return Page(number=2, questions=tuple(question(number, uri=uri) for number, uri in enumerate(uris, start=1)))


def test_form_has_a_choice_and_a_thumbnail_per_question(tmp_path: Path) -> None:
    (tmp_path / "bike.png").write_bytes(image_file())
    fields = form_of(page_of(str(tmp_path / "bike.png"), "/gone.png"), 3, Limits()).model_json_schema()["properties"]
    assert list(fields) == ["reviewer", "image_01", "image_02"]
    assert fields["image_01"]["title"] == "1. bike.png"
    assert fields["image_01"]["description"].startswith("![image](data:image/jpeg;base64,")
    assert f"`{tmp_path}/bike.png`" in fields["image_01"]["description"]
    assert "No thumbnail is available" in fields["image_02"]["description"]
    assert "Page 2 of 3" in fields["reviewer"]["description"]


def test_unanswered_question_stays_open() -> None:
    page = page_of("/a.png", "/b.png", "/c.png")
    form = form_of(page, 2, Limits())(reviewer=" Kim ", image_01="motorcycle", image_03="later")  # type: ignore[call-arg]
    assert reviewer_of(form) == "Kim"
    assert list(answers_of(page, form)) == [(page.questions[0], "motorcycle")]


@pytest.mark.parametrize(
    "fields", [{}, {"reviewer": ""}, {"reviewer": "Kim", "image_01": "car"}, {"reviewer": "Kim", "x": "y"}]
)
def test_form_without_name_or_with_unknown_answer_is_rejected(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        form_of(page_of("/a.png"), 1, Limits())(**fields)


def test_names_of_files_and_classes_are_escaped() -> None:
    hostile = question(uri="/x/`](javascript:alert(1))<b>.png", choices=("[a](b)", "<i>"), proposed="[a](b)")
    fields = form_of(Page(number=1, questions=(hostile,)), 1, Limits()).model_json_schema()["properties"]
    description = fields["image_01"]["description"]
    assert "[a](b)" not in description
    assert description.count("`") == 2, "the URI is one piece of code"
    assert "<i>" not in fields["reviewer"]["description"].replace("\\<i\\>", "")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://pictures.org/a.png", "<https://pictures.org/a.png>"),
        ("https://pictures.org/><b>.png", "`https://pictures.org/><b>.png`"),
        ("s3://ward/a.png", "`s3://ward/a.png`"),
    ],
)
def test_only_web_addresses_become_links(uri: str, shown: str) -> None:
    nowhere = Limits(urls=frozenset(), buckets=frozenset())
    fields = form_of(page_of(uri), 1, nowhere).model_json_schema()["properties"]
    assert fields["image_01"]["description"].endswith(shown)


class TestPatient:
    def test_people_are_shown_with_their_pictures(self, tmp_path: Path) -> None:
        (tmp_path / "person_1.jpg").write_bytes(image_file())
        about = question(
            kind="person", model="patient--ana", session="ana/visit", choices=("person 1", "person 2"),
            pictures=(str(tmp_path / "person_1.jpg"), ""), why="two people are about equally likely",
        )  # fmt: skip
        fields = form_of(Page(number=1, questions=(about,)), 1, Limits()).model_json_schema()["properties"]
        assert fields["person_01"]["enum"] == ["later", "person 1", "person 2", "none of these", "cannot tell"]
        assert fields["person_01"]["title"] == "1. Who is the patient in ana/visit?"
        description = fields["person_01"]["description"]
        assert "**person 1**\n\n![person 1](data:image/jpeg;base64," in description
        assert "**person 2**\n\n*No thumbnail is available.*" in description
        assert "Two people are about equally likely." in description
        assert "the patient is not in the picture" in fields["reviewer"]["description"]

    def test_names_are_shown_with_their_statements(self) -> None:
        names = [
            question(
                number, kind="name", model="patient--p-17", session="p-17/visit", choices=(THEIRS, SOMEONE_ELSES),
                name=name, statements=(f"{name} is *happy*",),
            )
            for number, name in enumerate(("Anna", "Ben"))
        ]  # fmt: skip
        fields = form_of(Page(number=1, questions=tuple(names)), 1, Limits()).model_json_schema()["properties"]
        assert [field["title"] for field in fields.values()] == [
            "Your name",
            "1. Whose name is Anna?",
            "2. Whose name is Ben?",
        ]
        assert fields["name_01"]["enum"][:3] == ["later", "the patient's", "someone else's"]
        assert fields["name_01"]["description"].startswith("> Anna is \\*happy\\*")
        assert "names of the patient p-17" in fields["reviewer"]["description"]

    def test_questions_of_different_kinds_are_on_different_pages(self) -> None:
        kinds = ("session", "name", "person", "session")
        questions = [question(number, kind=kind, session="ana/visit") for number, kind in enumerate(kinds)]
        pages = pages_of(questions, 12)
        assert [{asked.kind for asked in page.questions} for page in pages] == [{"name"}, {"person"}, {"session"}]
