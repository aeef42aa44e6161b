"""Slugs of people's names in file names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.emotion import person_slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("John", "john"),
        ("Mary Ann", "mary-ann"),
        ("Dr. Jones", "dr-jones"),
        ("J. R. Smith", "j-r-smith"),
        ("José", "jose"),
        ("Jose\u0301", "jose"),
        ("O'Brien", "obrien"),
        ("O’Brien", "obrien"),  # noqa: RUF001
        ("Mary-Jane", "mary-jane"),
        ("a/b\\c_d.e", "a-b-c-d-e"),
        ("../../etc/passwd", "etc-passwd"),
        ("Łukasz", "łukasz"),
        ("Иван", "иван"),
        ("陳大文", "陳大文"),
        ("Straße", "strasse"),
        ("", "person"),
        ("...", "person"),
        ("🙂", "person"),
    ],
)
def test_slug_replaces_unsafe_characters(name, slug):
    """In the original, spaces and dots reached the file names."""
    assert person_slug(name) == slug


def test_names_in_other_scripts_keep_distinct_slugs():
    assert person_slug("Иван") != person_slug("Олег")
    assert person_slug("किरण") != person_slug("करण")


@given(st.text())
def test_slug_is_safe_in_a_file_name(name):
    slug = person_slug(name)
    assert slug
    assert len(slug.encode()) <= 60
    assert not set('/\\._ \0\n\t:*?"<>|') & set(slug)
    assert not slug.startswith("-")
    assert not slug.endswith("-")


@given(st.text())
def test_slug_is_idempotent(name):
    assert person_slug(person_slug(name)) == person_slug(name)
