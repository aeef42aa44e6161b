"""The turn to train one patient's model: there is one at a time, whatever starts it.

Who starts a training takes the turn, looks at the last training only then, and keeps its own before the turn ends. So
of any number that start at once one trains; the others are told of it, or find it in the history:

>>> with training_turn(folder, "session ana/clip") as turn:
...     report = check_gate(records, limits, turn.last_ended, now)
...     if report.passed:
...         turn.begin([record.session for record in report.sessions])
...         model = train(report.sessions)
...         turn.check()
...         version, promoted = publish(model)
...         turn.finish(promoted=promoted, version=version, accuracy=0.7, interval=(0.6, 0.8), verdict="beats chance")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sightline.clock import now_in_utc
from sightline.errors import SightlineError, StorageError
from sightline.leases import Held, Leases, LeaseTaken
from sightline.registry import code_version
from sightline.storage import Location
from sightline.training.emotions.history import TRAININGS, Training, keep_training, last_training

__all__ = ["TrainingTurn", "TrainingUnderWay", "training_turn"]


class TrainingUnderWay(SightlineError):
    """Another training of the same model is at work. ``started_by`` is None where it has just come or gone."""

    def __init__(self, model: str, started_by: str | None, since: datetime | None) -> None:
        super().__init__(model, started_by, since)
        self.model = model
        self.started_by = started_by
        self.since = since

    def __str__(self) -> str:
        whose = f", started by {self.started_by}" if self.started_by else ""
        since = f", since {self.since:%Y-%m-%d %H:%M:%S %Z}" if self.since else ""
        return f"{self.model}: a training is under way{whose}{since}. There is one at a time; try again after it"


@dataclass(frozen=True)
class _Begun:
    at: datetime
    sessions: tuple[str, ...]
    code_version: str


class TrainingTurn:
    """The right to train one patient's model, as long as the block of :func:`training_turn` lasts."""

    def __init__(self, folder: Location, started_by: str, held: Held, now: Callable[[], datetime]) -> None:
        self.last = last_training(folder)
        """The training before this one, as it was when the turn began."""
        self._folder = folder
        self._started_by = started_by
        self._held = held
        self._now = now
        self._begun: _Begun | None = None

    @property
    def last_ended(self) -> datetime | None:
        """When the training before this one ended, from which the cooldown counts."""
        return self.last.ended if self.last else None

    def check(self) -> None:
        """Raise ``LeaseLost`` where the turn is lost; to be called before what only one training may do."""
        self._held.check()

    def begin(self, sessions: Sequence[str]) -> None:
        """The gate is passed: from here on it is a training, and is kept however it ends."""
        self.check()
        self._begun = _Begun(self._now(), tuple(sessions), code_version())

    def finish(
        self, *, promoted: bool, version: int, accuracy: float, interval: tuple[float, float], verdict: str
    ) -> Training:
        """Keep the training that has begun."""
        return self._keep(
            outcome="promoted" if promoted else "not promoted",
            version=version,
            accuracy=accuracy,
            interval=interval,
            verdict=verdict,
        )

    def fail(self, error: BaseException) -> None:
        """Keep what has begun and is not finished as failed; the end of the block does so for what it raises."""
        if self._begun:
            self._keep(outcome="failed", error=f"{type(error).__name__}: {error}".removesuffix(": "))

    def end(self) -> None:
        """Raise RuntimeError where what has begun is not finished."""
        if self._begun:
            raise RuntimeError("the training ended without a result: finish() comes before the end of the turn")

    def _keep(self, **result: object) -> Training:
        if self._begun is None:
            raise RuntimeError("there is no training to finish: begin() comes first, and finish() once")
        begun, ended = self._begun, self._now()
        training = Training.model_validate(
            {
                "started": begun.at,
                "ended": ended,
                "started_by": self._started_by,
                "sessions": begun.sessions,
                "code_version": begun.code_version,
                **result,
            }
        )
        keep_training(self._folder, training)
        self._begun = None
        return training


@contextmanager
def training_turn(
    folder: Location,
    started_by: str,
    *,
    lease: timedelta = timedelta(minutes=5),
    now: Callable[[], datetime] = now_in_utc,
) -> Iterator[TrainingTurn]:
    """The turn to train the model whose folder in the registry it is; raises :class:`TrainingUnderWay`.

    ``started_by`` is what others are told of it: a run, an event. ``lease``: how long the turn of a process that was
    killed stays taken. A block that raises, or ends without an answer, after ``begin`` leaves a failed training.
    """
    leases = Leases(folder / TRAININGS / "turns", lease, now)
    with ExitStack() as stack:
        try:
            held = stack.enter_context(leases.hold("turn", started_by))
        except LeaseTaken as taken:
            raise TrainingUnderWay(folder.name, taken.holder, taken.since) from None
        turn = TrainingTurn(folder, started_by, held, now)
        try:
            yield turn
            turn.end()
        except BaseException as error:
            try:
                turn.fail(error)
            except StorageError as unkept:
                error.add_note(f"That this training failed could not be written down: {unkept}")
            raise
