"""Questions and answers on a folder or S3, one file each, so that nothing is lost where two people answer at once.

::

    {model}/waiting/{sha256}.json     a question, until it is answered
    {model}/answered/{sha256}.json    the question with every answer, none of which is ever changed
    .runs/{run}.json                  what a run asks, page by page

The answer is written before the question goes, so that a process killed between the two leaves a question that is
known to be answered.
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
from sightline.names import ModelName
from sightline.reviews.pages import ReviewPlan, pages_of
from sightline.reviews.records import Answer, Question, Reviewed, Waiting
from sightline.storage import Location

__all__ = ["Reviews", "folder_of"]

_WORKERS = 8  # requests under way at once: S3 takes some 20 ms for each
_WAITING, _ANSWERED, _RUNS = "waiting", "answered", ".runs"

_Document = TypeVar("_Document", bound=BaseModel)
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def folder_of(model: str) -> str:
    """The folder of a model's questions, whatever its version: ``vehicles`` of ``vehicles/3``.

    An endpoint's has a dot, which no name of the registry has.
    """
    return ModelName.parse(model).review_folder


@dataclass(frozen=True)
class Reviews:
    """The questions and answers under ``root``."""

    root: Location
    now: Callable[[], datetime] = now_in_utc

    def models(self) -> list[str]:
        """The folders of the models that people were asked about."""
        return [name for name in storage.folder_names(self.root) if not name.startswith(".")]

    def queue(self, questions: Iterable[Question]) -> int:
        """Put the questions that are new among those that wait; how many that were."""
        made = self.now()
        known: dict[str, set[str]] = {}
        fresh = []
        for question in questions:
            folder = folder_of(question.model)
            if folder not in known:
                known[folder] = self._names(folder, _ANSWERED) | self._names(folder, _WAITING)
            if question.sha256 not in known[folder]:
                known[folder].add(question.sha256)
                fresh.append(question)
        created = _each(
            lambda question: storage.create(
                self._waiting(question), documents.to_json(Waiting(question=question, queued=made))
            ),
            fresh,
        )
        return sum(created)

    def waiting(self, model: str) -> list[Waiting]:
        """What waits for an answer about a model, the longest waiting first."""
        folder = folder_of(model)
        return sorted(self._all(folder, _WAITING, self._open(folder), Waiting), key=_order)

    def count_waiting(self, model: str) -> int:
        """How many questions wait, without reading any."""
        return len(self._open(folder_of(model)))

    def answered(self, model: str) -> list[Reviewed]:
        """What people have answered about a model, in the order of the first answers."""
        folder = folder_of(model)
        found = self._all(folder, _ANSWERED, self._names(folder, _ANSWERED), Reviewed)
        return sorted(found, key=lambda each: (each.answers[0].at, each.question.sha256))

    def planned(self, run: str) -> ReviewPlan | None:
        """What ``run`` asks; None where it has no plan yet."""
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
        """What ``run`` asks: of these questions the least certain that wait and no other run asks, page by page.

        At most ``limit``, which are taken for it until that moment. A run that asks again is given the same plan,
        whatever has been answered since, so that nothing is asked twice.
        """
        if found := self.planned(run):
            return found
        free = {folder: self._open(folder) for folder in {folder_of(question.model) for question in questions}}
        taken: list[Question] = []
        distinct = {(folder_of(question.model), question.sha256): question for question in questions}.values()
        for question in sorted(distinct, key=lambda question: (question.confidence, question.sha256)):
            if len(taken) == limit:
                break
            if question.sha256 in free[folder_of(question.model)] and (waiting := self._take(question, run, until)):
                taken.append(waiting.question)
        pages = pages_of(taken, page_size)
        plan = ReviewPlan(run=run, made=self.now(), until=until, pages=pages, left_out=tuple(left_out))
        if storage.create(self._plan(run), documents.to_json(plan)):
            return plan
        there = self.planned(run)
        if there is None:
            raise StorageError(f"{storage.uri_of(self._plan(run))}: is said to be there, and cannot be read")
        return there

    def answer(self, question: Question, answer: Answer) -> Reviewed:
        """Keep an answer beside those that are there; the question waits no more.

        The same answer of the same person in the same run is kept once. Raises ValueError for what is no answer to the
        question.
        """
        if answer.answer not in question.answers:
            raise ValueError(f"{answer.answer!r} is no answer to {question.uri}: {', '.join(question.answers)} are")
        file = self.root / folder_of(question.model) / _ANSWERED / f"{question.sha256}.json"
        reviewed = None
        while reviewed is None:
            content, there = _read(file, Reviewed)
            if there is None:
                made = Reviewed(question=question, answers=(answer,))
            elif any(_same(answer, each) for each in there.answers):
                reviewed = there
                break
            else:
                made = there.model_copy(update={"answers": (*there.answers, answer)})
            if storage.swap(file, content, documents.to_json(made)):
                reviewed = made
        storage.remove(self._waiting(question))
        return reviewed

    def release(self, plan: ReviewPlan) -> None:
        """Let others ask what a run has asked and nobody has answered."""
        for question in plan.questions:
            self._change(question, lambda there: there.taken_by == plan.run, taken_by=None)

    def overdue(self) -> list[Waiting]:
        """What was asked, was not answered in time, and nobody was alerted of yet, the longest waiting first."""
        now = self.now()
        found = [waiting for model in self.models() for waiting in self.waiting(model)]
        return sorted(
            (each for each in found if each.until is not None and each.until <= now and each.told is None), key=_order
        )

    def told(self, waiting: Iterable[Waiting]) -> None:
        """Remember that people were alerted of these."""
        now = self.now()
        for each in waiting:
            self._change(each.question, lambda there: there.told is None, told=now)

    def _take(self, question: Question, run: str, until: datetime) -> Waiting | None:
        """The question, asked by this run; None where it does not wait, or another run has it."""
        now = self.now()
        return self._change(
            question,
            lambda there: there.taken_by in (None, run) or there.until is None or there.until <= now,
            taken_by=run,
            until=until,
        )

    def _change(self, question: Question, allowed: Callable[[Waiting], bool], **changes: object) -> Waiting | None:
        file = self._waiting(question)
        while True:
            content, there = _read(file, Waiting)
            if there is None or not allowed(there):
                return None
            changed = there.model_copy(update=changes)
            if changed == there or storage.swap(file, content, documents.to_json(changed)):
                return changed

    def _plan(self, run: str) -> Location:
        return self.root / _RUNS / f"{run}.json"

    def _open(self, folder: str) -> set[str]:
        return self._names(folder, _WAITING) - self._names(folder, _ANSWERED)

    def _names(self, folder: str, state: str) -> set[str]:
        names = storage.file_names(self.root / folder / state)
        return {name.removesuffix(".json") for name in names if name.endswith(".json")}

    def _all(self, folder: str, state: str, names: Iterable[str], model: type[_Document]) -> list[_Document]:
        files = [self.root / folder / state / f"{name}.json" for name in sorted(names)]
        return [found for found in _each(lambda file: documents.read(file, model), files) if found]

    def _waiting(self, question: Question) -> Location:
        return self.root / folder_of(question.model) / _WAITING / f"{question.sha256}.json"


def _read(file: Location, model: type[_Document]) -> tuple[bytes | None, _Document | None]:
    """A document with the bytes that it was read from."""
    try:
        content = storage.read_bytes(file)
    except FileNotFoundError:
        return None, None
    return content, documents.parse(file, content, model)


def _same(one: Answer, other: Answer) -> bool:
    return (one.run, one.reviewer, one.answer) == (other.run, other.reviewer, other.answer)


def _order(waiting: Waiting) -> tuple[datetime, str]:
    return waiting.queued, waiting.question.sha256


def _each(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(function, items))
