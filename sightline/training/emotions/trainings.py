"""The lease on training one patient's model: one training runs at a time, whatever started it.

A training takes the lease first, then reads when the last training ended, and stores its own result before it releases
the lease. If several start together, one trains; the others get an error, or find its result in the history:

>>> with training_lease(folder, "session ana/clip") as lease:
...     report = check_gate(records, limits, lease.last_ended, now)
...     if report.passed:
...         lease.begin([record.session for record in report.sessions])
...         model = train(report.sessions)
...         lease.check()
...         version, promoted = publish(model)
...         lease.finish(promoted=promoted, version=version, accuracy=0.7, interval=(0.6, 0.8), verdict="beats chance")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sightline.affect.history import TRAININGS, Training, last_training, store_training
from sightline.clock import now_in_utc
from sightline.errors import SightlineError, StorageError
from sightline.leases import HeldLease, Leases, LeaseTaken
from sightline.registry import code_version
from sightline.storage import Location

__all__ = ["TrainingInProgress", "TrainingLease", "training_lease"]


class TrainingInProgress(SightlineError):
    """Another training of the same model is running. ``started_by`` is None if it has just started or ended."""

    def __init__(self, model: str, started_by: str | None, since: datetime | None) -> None:
        super().__init__(model, started_by, since)
        self.model = model
        self.started_by = started_by
        self.since = since

    def __str__(self) -> str:
        starter = f", started by {self.started_by}" if self.started_by else ""
        since = f", since {self.since:%Y-%m-%d %H:%M:%S %Z}" if self.since else ""
        return f"{self.model}: a training is in progress{starter}{since}. Try again when it has ended"


@dataclass(frozen=True)
class _Begun:
    at: datetime
    sessions: tuple[str, ...]
    code_version: str


class TrainingLease:
    """The exclusive right to train one patient's model, within the block of :func:`training_lease`."""

    def __init__(self, folder: Location, started_by: str, held: HeldLease, now: Callable[[], datetime]) -> None:
        self.last = last_training(folder)
        """The previous training, read when the lease was taken."""
        self._folder = folder
        self._started_by = started_by
        self._held = held
        self._now = now
        self._begun: _Begun | None = None

    @property
    def last_ended(self) -> datetime | None:
        """When the previous training ended; the cooldown counts from then."""
        return self.last.ended if self.last else None

    def check(self) -> None:
        """Raise ``LeaseLost`` if the lease is lost. Call it before each step that must not run twice."""
        self._held.check()

    def begin(self, sessions: Sequence[str]) -> None:
        """Start the training; from now on its outcome is stored, also if it fails."""
        self.check()
        self._begun = _Begun(self._now(), tuple(sessions), code_version())

    def finish(
        self, *, promoted: bool, version: int, accuracy: float, interval: tuple[float, float], verdict: str
    ) -> Training:
        """Store the outcome of the training."""
        return self._store(
            outcome="promoted" if promoted else "not promoted",
            version=version,
            accuracy=accuracy,
            interval=interval,
            verdict=verdict,
        )

    def fail(self, error: BaseException) -> None:
        """Store a training that has begun as failed; the context manager calls this for an exception in its block."""
        if self._begun:
            self._store(outcome="failed", error=f"{type(error).__name__}: {error}".removesuffix(": "))

    def end(self) -> None:
        """Raise RuntimeError if the training has begun and is not finished."""
        if self._begun:
            raise RuntimeError("the training ended without a result: call finish() within the block")

    def _store(self, **result: object) -> Training:
        if self._begun is None:
            raise RuntimeError("there is no training to finish: call begin() first, and finish() once")
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
        store_training(self._folder, training)
        self._begun = None
        return training


@contextmanager
def training_lease(
    folder: Location,
    started_by: str,
    *,
    lease: timedelta = timedelta(minutes=5),
    now: Callable[[], datetime] = now_in_utc,
) -> Iterator[TrainingLease]:
    """Hold the lease on training the model in ``folder`` of the registry.

    If the block raises, or ends without ``finish``, after ``begin``, the training is stored as failed.

    Args:
        folder: The model's folder in the registry.
        started_by: What started the training: a run or an event. Other trainings report it.
        lease: How long the lease outlives a process that was killed.
        now: The clock.

    Raises:
        TrainingInProgress: Another training holds the lease.
    """
    leases = Leases(folder / TRAININGS / "turns", lease, now)
    with ExitStack() as stack:
        try:
            held = stack.enter_context(leases.hold("turn", started_by))
        except LeaseTaken as taken:
            raise TrainingInProgress(folder.name, taken.holder, taken.since) from None
        held_lease = TrainingLease(folder, started_by, held, now)
        try:
            yield held_lease
            held_lease.end()
        except BaseException as error:
            try:
                held_lease.fail(error)
            except StorageError as not_stored:
                error.add_note(f"The failure of this training could not be stored: {not_stored}")
            raise
