"""Questions and answers on a folder or S3, one file each, so that concurrent answers are all stored.

::

    {model}/waiting/{key}.json     an open question, with the run that asks it
    {model}/answered/{key}.json    the question with all its answers, which are never changed
    .runs/{run}.json                  the questions of a run, page by page

An answer is written before the question is removed: if a process is killed between the two, the question that remains
is recognised as answered.

A run leases the questions that it asks. The question's file states the lease, which costs one read and one swap. It is
not renewed, because a run that is suspended until a person answers has no process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel

from sightline import documents, storage
from sightline.clock import now_in_utc
from sightline.errors import StorageError
from sightline.names import ModelName, SessionName
from sightline.reviews.pages import ReviewPlan, pages_of
from sightline.reviews.records import Answer, Question, Reviewed, Waiting
from sightline.storage import Location

__all__ = ["Reviews"]

_WORKERS = 8  # concurrent requests: S3 takes about 20 ms for one
_WAITING, _ANSWERED, _RUNS = "waiting", "answered", ".runs"

_Document = TypeVar("_Document", bound=BaseModel)
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Reviews:
    """The queue of questions, and the answers, under ``root``."""

    root: Location
    now: Callable[[], datetime] = now_in_utc

    def models(self) -> list[str]:
        """Return the folders of the models that have questions or answers."""
        return [name for name in storage.folder_names(self.root) if not name.startswith(".")]

    def queue(self, questions: Iterable[Question]) -> int:
        """Queue the new questions, and return their number. Waiting and answered ones are not queued again."""
        now = self.now()
        known: dict[str, set[str]] = {}
        new = []
        for question in questions:
            folder = _folder(question.model)
            if folder not in known:
                known[folder] = self._names(folder, _ANSWERED) | self._names(folder, _WAITING)
            if question.key not in known[folder]:
                known[folder].add(question.key)
                new.append(question)
        created = _in_parallel(
            lambda question: storage.create(
                self._file(question, _WAITING), documents.to_json(Waiting(question=question, queued=now))
            ),
            new,
        )
        return sum(created)

    def replace(self, question: Question) -> None:
        """Queue a question, in place of the open one with the same key.

        A question that a run asks now is not replaced, and one that has been answered is not queued again.
        """
        if storage.exists(self._file(question, _ANSWERED)):
            return
        now = self.now()

        def update(stored: Waiting | None) -> Waiting:
            if stored is None:
                return Waiting(question=question, queued=now)
            return stored.model_copy(update={"question": question}) if stored.is_free(now) else stored

        documents.change(self._file(question, _WAITING), Waiting, update)

    def withdraw(self, model: str, key: str) -> None:
        """Remove an open question that no run asks now.

        A run that takes the question at the same moment still asks it, and its answer is stored.
        """
        file = self.root / _folder(model) / _WAITING / f"{key}.json"
        stored = documents.read(file, Waiting)
        if stored is not None and stored.is_free(self.now()):
            storage.remove(file)

    def waiting(self, model: str) -> list[Waiting]:
        """Return the open questions about a model, the oldest first."""
        found = [item for folder in _folders(model) for item in self._read_waiting(folder)]
        return sorted((item for item in found if _is_about(item.question, model)), key=_age)

    def count_waiting(self, model: str) -> int:
        """Return the number of open questions about a model; only those of a patient are read."""
        return len(self.waiting(model)) if len(_folders(model)) > 1 else len(self._open(_folder(model)))

    def answered(self, model: str) -> list[Reviewed]:
        """Return the answered questions about a model, in the order of their first answers."""
        found = [
            item
            for folder in _folders(model)
            for item in self._read_all(folder, _ANSWERED, self._names(folder, _ANSWERED), Reviewed)
        ]
        answered = [item for item in found if _is_about(item.question, model)]
        return sorted(answered, key=lambda reviewed: (reviewed.answers[0].at, reviewed.question.sha256))

    def planned(self, run: str) -> ReviewPlan | None:
        """Return the plan of ``run``, or None if it has none yet."""
        return documents.read(self._plan(run), ReviewPlan)

    def plan(
        self,
        run: str,
        questions: Sequence[Question],
        *,
        page_size: int,
        limit: int,
        until: datetime,
        left_out: Sequence[str] = (),
    ) -> ReviewPlan:
        """Plan which of these questions ``run`` asks, page by page, and lease them to it until ``until``.

        These are at most ``limit`` open questions that no other run asks, the least certain first. A resumed run gets
        the same plan, whatever has been answered since, so nothing is asked twice.
        """
        if plan := self.planned(run):
            return plan
        open_by_folder = {folder: self._open(folder) for folder in {_folder(question.model) for question in questions}}
        taken: list[Question] = []
        distinct = {(_folder(question.model), question.key): question for question in questions}.values()
        for question in sorted(distinct, key=lambda question: (question.confidence, question.key)):
            if len(taken) == limit:
                break
            if question.key not in open_by_folder[_folder(question.model)]:
                continue
            if waiting := self._take(question, run, until):
                taken.append(waiting.question)
        pages = pages_of(taken, page_size)
        plan = ReviewPlan(run=run, created=self.now(), until=until, pages=pages, left_out=tuple(left_out))
        if storage.create(self._plan(run), documents.to_json(plan)):
            return plan
        stored = self.planned(run)
        if stored is None:
            raise StorageError(f"{storage.uri_of(self._plan(run))}: exists, but cannot be read. Run it again")
        return stored

    def answer(self, question: Question, answer: Answer) -> Reviewed:
        """Store an answer beside the earlier ones, and remove the question from the queue.

        The same answer of the same person in the same run is stored once. Raises ``ValueError`` for an answer that the
        question does not offer.
        """
        if answer.answer not in question.answers:
            raise ValueError(
                f"{question.uri}: {answer.answer!r} is not an answer. Choose one of {', '.join(question.answers)}"
            )

        def update(stored: Reviewed | None) -> Reviewed:
            if stored is None:
                return Reviewed(question=question, answers=(answer,))
            if any(_same(answer, earlier) for earlier in stored.answers):
                return stored
            return stored.model_copy(update={"answers": (*stored.answers, answer)})

        reviewed = documents.change(self._file(question, _ANSWERED), Reviewed, update)
        storage.remove(self._file(question, _WAITING))
        return reviewed

    def release(self, plan: ReviewPlan) -> None:
        """End the leases of a run, so that other runs can ask its open questions."""
        for question in plan.questions:
            self._change(question, lambda stored: stored.taken_by == plan.run, taken_by=None)

    def overdue(self) -> list[Waiting]:
        """Return the questions that were not answered in time and have no alert yet, the oldest first."""
        now = self.now()
        waiting = [item for folder in self.models() for item in self._read_waiting(folder)]
        return sorted((item for item in waiting if item.until and item.until <= now and not item.alerted), key=_age)

    def mark_alerted(self, waiting: Iterable[Waiting]) -> None:
        """Record that an alert was sent about these questions."""
        now = self.now()
        for item in waiting:
            self._change(item.question, lambda stored: stored.alerted is None, alerted=now)

    def _take(self, question: Question, run: str, until: datetime) -> Waiting | None:
        """Lease the question to a run; return None if it is not open, or another run asks it."""
        now = self.now()
        return self._change(
            question, lambda stored: stored.taken_by == run or stored.is_free(now), taken_by=run, until=until
        )

    def _change(self, question: Question, allowed: Callable[[Waiting], bool], **changes: object) -> Waiting | None:
        def update(stored: Waiting | None) -> Waiting | None:
            return stored.model_copy(update=changes) if stored is not None and allowed(stored) else None

        return documents.change(self._file(question, _WAITING), Waiting, update)

    def _plan(self, run: str) -> Location:
        return self.root / _RUNS / f"{run}.json"

    def _open(self, folder: str) -> set[str]:
        return self._names(folder, _WAITING) - self._names(folder, _ANSWERED)

    def _names(self, folder: str, state: str) -> set[str]:
        names = storage.file_names(self.root / folder / state)
        return {name.removesuffix(".json") for name in names if name.endswith(".json")}

    def _read_waiting(self, folder: str) -> list[Waiting]:
        return sorted(self._read_all(folder, _WAITING, self._open(folder), Waiting), key=_age)

    def _read_all(self, folder: str, state: str, names: Iterable[str], model: type[_Document]) -> list[_Document]:
        files = [self.root / folder / state / f"{name}.json" for name in sorted(names)]
        return [document for document in _in_parallel(lambda file: documents.read(file, model), files) if document]

    def _file(self, question: Question, state: str) -> Location:
        return self.root / _folder(question.model) / state / f"{question.key}.json"


def _folder(model: str) -> str:
    return ModelName.parse(model).review_folder


def _folders(model: str) -> list[str]:
    """Return the folders of a model's questions; that of a patient's model in version 0.1 is the second one."""
    name = ModelName.parse(model)
    return [name.review_folder] + ([name.earlier.review_folder] if name.earlier else [])


def _is_about(question: Question, model: str) -> bool:
    """Return whether a question is one about the model: the second folder can have those of another model too."""
    name = ModelName.parse(model)
    if not name.is_of_patient:
        return True
    if question.session is None:
        return question.kind == "session"
    return SessionName.parse(question.session).patient.model == name.unversioned


def _same(one: Answer, other: Answer) -> bool:
    return (one.run, one.reviewer, one.answer) == (other.run, other.reviewer, other.answer)


def _age(waiting: Waiting) -> tuple[datetime, str]:
    return waiting.queued, waiting.question.sha256


def _in_parallel(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(function, items))
