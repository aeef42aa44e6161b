"""Questions and answers about a patient, in the folders of their model and of the models of their images."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sightline import storage, versions
from sightline.erasure.scope import Scope
from sightline.storage import Location
from sightline.versions import Removal, Version

__all__ = ["erase_questions"]


def erase_questions(scope: Scope, dry: bool) -> Iterator[tuple[Location, Removal]]:
    """Remove the questions about the patient, their answers, and the plans of the runs that ask them.

    A question is about the patient of its session; one about an image, if the image is in the patient's folders. A plan
    with other questions is removed too: its run plans them again.
    """
    root = scope.config.reviews
    own = root / scope.patient.model.review_folder
    yield own, versions.count(versions.versions(own)) if dry else versions.erase_folder(own)
    found = [version for version in versions.versions(root) if _is_theirs(version, root, scope)]
    yield root, versions.count(found) if dry else versions.erase(found)


def _is_theirs(version: Version, root: Location, scope: Scope) -> bool:
    key = storage.key_under(version.location, root) or ""
    if version.is_marker or not key.endswith(".json") or key.startswith(f"{scope.patient.model.review_folder}/"):
        return False
    text = versions.read_text(version)
    try:
        stored = json.loads(text)
        return any(_is_about(question, scope) for question in _questions(stored))
    except (ValueError, AttributeError, TypeError):  # it is damaged
        return scope.traces.owns(text)


def _questions(stored: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the question of a document, or all questions of a plan."""
    if "pages" in stored:
        return [question for page in stored["pages"] for question in page["questions"]]
    return [stored["question"]] if "question" in stored else []


def _is_about(question: dict[str, Any], scope: Scope) -> bool:
    session = question.get("session")
    if session:
        return bool(session.partition("/")[0] == scope.patient.text)
    return scope.traces.holds(question.get("uri", ""))
