"""Markdown in which a value cannot break the document."""

from __future__ import annotations

from sightline import markdown


def test_table_keeps_columns_and_markup() -> None:
    rows = [("a|b", "**drift**"), ("two\nlines", 3)]
    assert markdown.table(("name", ""), rows) == (
        "| name |  |\n| --- | --- |\n| a\\|b | **drift** |\n| two lines | 3 |"
    )


def test_table_does_not_escape_a_pipe_twice() -> None:
    assert markdown.table(("name",), [(markdown.escape("a|b"),)]).endswith("| a\\|b |")


def test_table_without_rows_is_empty() -> None:
    assert markdown.table(("name",), []) == ""


def test_escape_returns_one_line_without_markup() -> None:
    assert markdown.escape("*a*\n<b> & [c](d)") == r"\*a\* \<b\> &amp; \[c\](d)"


def test_page_leaves_out_empty_blocks() -> None:
    assert markdown.page("# A", "", None, markdown.file_list(["s3://b/1", "/2"])) == "# A\n\n- `s3://b/1`\n- `/2`"
