"""From the queue to the Prefect server: a message is deleted only after its flow runs are in the server's database."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from threading import Event as Flag
from typing import TypeVar

from deployments.observability import Heartbeat
from deployments.s3_events.events import Event, object_created, poison, upload_of
from deployments.s3_events.messages import Invalid, ObjectCreated, read_message
from deployments.s3_events.metrics import ListenerMetrics
from deployments.s3_events.prefect_api import Failing, PrefectApi, RejectedByServer, Unavailable
from deployments.s3_events.sqs import AWS_ERRORS, Message, Queue
from sightline import storage
from sightline.alerts import Outbox
from sightline.errors import StorageError
from sightline.uploads import Upload, UploadRules, invalid_record_alert

__all__ = ["Backoff", "Listener"]

Answer = TypeVar("Answer")

_logger = logging.getLogger(__name__)
_BODY = 200  # characters of a record in a log line
_MAX_ERRORS = 5  # internal errors of a server that is ready, until the request counts as rejected


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff in seconds: it doubles from ``first`` up to ``longest``."""

    first: float = 0.5
    longest: float = 60.0

    def wait(self, attempts: int) -> float:
        """Return the seconds to wait after this many failed attempts (1 or more), reduced by up to half as jitter."""
        return min(self.longest, self.first * 2.0 ** min(attempts - 1, 32)) * random.uniform(0.5, 1)  # noqa: S311


@dataclass(frozen=True)
class _Arrival:
    """A record of a message that reports an upload. ``number`` is its position in the message, from 0."""

    number: int
    body: str
    created: ObjectCreated
    upload: Upload


@dataclass(frozen=True)
class _InvalidRecord:
    """A record of a message that starts no run, and the reason. ``number`` is its position in the message, from 0."""

    number: int
    body: str
    reason: str


@dataclass
class _Delivery:
    """A message and its records. If ``is_kept``, the message stays in the queue."""

    message: Message
    arrivals: list[_Arrival] = field(default_factory=list)
    invalid: list[_InvalidRecord] = field(default_factory=list)
    is_kept: bool = False

    def reject(self, arrival: _Arrival, reason: str) -> None:
        self.arrivals.remove(arrival)
        self.invalid.append(_InvalidRecord(arrival.number, arrival.body, reason))


class _Stopped(Exception):
    """The listener was stopped while the server was unavailable."""


@dataclass
class Listener:
    """Processes messages until ``stop`` is set; then it finishes the messages that it holds, or returns them.

    For each message, in this order: every valid record gets a flow run, the events are posted, invalid records are
    moved to the dead-letter queue with an alert in the outbox, and the message is deleted. Every step can be repeated,
    so a message that is received again after a kill causes no second run and no second alert.
    """

    queue: Queue
    api: PrefectApi
    upload_rules: UploadRules
    outbox: Outbox
    heartbeat: Heartbeat
    metrics: ListenerMetrics
    stop: Flag
    backoff: Backoff = field(default_factory=Backoff)

    def run(self) -> None:
        """Process messages until ``stop`` is set. A service that is unavailable does not end it."""
        failures = 0
        while not self.stop.is_set():
            try:
                messages = self.queue.receive()
            except AWS_ERRORS as error:
                failures += 1
                self._report_failure("sqs", str(error), failures)
                self.stop.wait(self.backoff.wait(failures))
                continue
            failures = 0
            self.metrics.up.labels("sqs").set(1)
            self.heartbeat.beat()
            if messages:
                self.metrics.received.inc(len(messages))
                try:
                    self._process([self._read(message) for message in messages])
                except AWS_ERRORS as error:
                    # SQS delivers them again after the visibility timeout.
                    self._report_failure("sqs", str(error), 1)
                    self.stop.wait(self.backoff.wait(1))

    def _read(self, message: Message) -> _Delivery:
        delivery = _Delivery(message)
        for number, record in enumerate(read_message(message.body)):
            content = record.content
            if isinstance(content, Invalid):
                delivery.invalid.append(_InvalidRecord(number, record.body, content.reason))
            elif upload := upload_of(content, self.upload_rules):
                delivery.arrivals.append(_Arrival(number, record.body, content, upload))
            else:
                self.metrics.ignored.inc()
                _logger.info("No rule matches an object", extra={"uri": f"s3://{content.bucket}/{content.key}"})
        return delivery

    def _process(self, deliveries: Sequence[_Delivery]) -> None:
        messages = [delivery.message for delivery in deliveries]
        self.metrics.held.set(len(messages))
        try:
            with self.queue.hold(messages, lambda error: self._report_failure("sqs", error, 1)) as lost:
                self._deliver(deliveries)
        except _Stopped:
            self._return([message for message in messages if message.id not in lost])
            return
        finally:
            self.metrics.held.set(0)
        if lost:
            _logger.warning("Messages could not be held and will be received again", extra={"messages": sorted(lost)})
        self._finish([delivery for delivery in deliveries if delivery.message.id not in lost])

    def _deliver(self, deliveries: Sequence[_Delivery]) -> None:
        """Process all records. Raises :class:`_Stopped`; what was done until then is found done the next time."""
        for delivery in deliveries:
            self._create_runs(delivery)
        self._report_arrivals(deliveries)
        events = [event for delivery in deliveries for event in self._discard_invalid(delivery)]
        for event_id, reason in self._post(events).items():
            _logger.error("The server rejects the event of an invalid record", extra={"id": event_id, "reason": reason})

    def _create_runs(self, delivery: _Delivery) -> None:
        for arrival in tuple(delivery.arrivals):
            try:
                self._ask(partial(self.api.create_run, arrival.upload))
            except RejectedByServer as rejection:
                delivery.reject(arrival, f"the server rejects its run: {rejection}")

    def _report_arrivals(self, deliveries: Sequence[_Delivery]) -> None:
        arrivals = [(delivery, arrival) for delivery in deliveries for arrival in delivery.arrivals]
        # Keyed by their ids: S3 may report an object several times.
        events = {str(arrival.upload.id): object_created(arrival.created, arrival.upload) for _, arrival in arrivals}
        rejected = self._post(list(events.values()))
        for delivery, arrival in arrivals:
            if reason := rejected.get(str(arrival.upload.id)):
                delivery.reject(arrival, f"the server rejects its event: {reason}")

    def _post(self, events: Sequence[Event]) -> dict[str, str]:
        """Post the events; return the ids of those that the server rejects, with the reasons."""
        if not events:
            return {}
        try:
            self._ask(partial(self.api.post, events))
        except RejectedByServer as rejection:
            if len(events) == 1:
                return {events[0]["id"]: str(rejection)}
            half = len(events) // 2
            return self._post(events[:half]) | self._post(events[half:])
        return {}

    def _ask(self, send: Callable[[], Answer]) -> Answer:
        """Send a request to the server, again and again while the server is unavailable.

        Raises :class:`RejectedByServer`, also if the server is ready but cannot process the request; such a request
        would block the others for ever. Raises :class:`_Stopped`.
        """
        attempts = errors = 0
        while True:
            self.heartbeat.beat()
            try:
                answer = send()
            except Unavailable as error:
                attempts += 1
                errors += isinstance(error, Failing)
                self._report_failure("prefect", str(error), attempts)
                if errors == _MAX_ERRORS:
                    raise RejectedByServer(f"{errors} attempts failed: {error}") from error
                if self.stop.is_set():
                    raise _Stopped from error
                self.stop.wait(self.backoff.wait(attempts))
            else:
                self.metrics.up.labels("prefect").set(1)
                return answer

    def _discard_invalid(self, delivery: _Delivery) -> list[Event]:
        """Move the invalid records of a message to the dead-letter queue, and return their events.

        Without a dead-letter queue, the message stays for the queue's redrive policy. It also stays if the alert cannot
        be stored.
        """
        events = []
        message = delivery.message
        for record in delivery.invalid:
            is_moved = self._post_alert(message, record) and self._move_to_dead_letters(message, record)
            place = str(self.queue.dead_letters) if is_moved else "in the queue, for its redrive policy"
            details = {"message_id": message.id, "record": record.number, "reason": record.reason, "kept": place}
            _logger.error("A record is invalid", extra={**details, "body": record.body[:_BODY]})
            self.metrics.invalid.inc()
            delivery.is_kept |= not is_moved
            # A message that stays is received again until the redrive policy moves it; one event is enough.
            if is_moved or message.receives == 1:
                events.append(poison(self.queue.url, message.id, record.number, record.reason, place, record.body))
        self.metrics.poison.inc(bool(delivery.invalid))
        return events

    def _post_alert(self, message: Message, record: _InvalidRecord) -> bool:
        alert = invalid_record_alert(
            self.queue.url, self.queue.dead_letters, message.id, record.number, record.reason, record.body
        )
        try:
            with storage.failing_fast():  # The message is received again; meanwhile others are processed.
                self.outbox.post_unaddressed(alert)
        except (StorageError, FileNotFoundError) as error:
            self._report_failure("outbox", str(error), 1)
            return False
        self.metrics.up.labels("outbox").set(1)
        return True

    def _move_to_dead_letters(self, message: Message, record: _InvalidRecord) -> bool:
        if not self.queue.dead_letters:
            return False
        try:
            self.queue.send_to_dead_letters(message, record.body, record.reason)
        except AWS_ERRORS as error:  # the rest of the batch is still processed
            self._report_failure("sqs", f"{self.queue.dead_letters}: {error}", 1)
            return False
        return True

    def _return(self, messages: Sequence[Message]) -> None:
        """Make the messages visible to other listeners."""
        self.queue.extend_visibility(messages, 0)
        self.metrics.returned.inc(len(messages))
        _logger.info("Messages are returned to the queue", extra={"messages": [message.id for message in messages]})

    def _finish(self, deliveries: Sequence[_Delivery]) -> None:
        """Delete the messages that are not kept."""
        done = [delivery.message for delivery in deliveries if not delivery.is_kept]
        failed = self.queue.delete(done)
        if failed:
            _logger.warning("Messages could not be deleted and will be received again", extra={"messages": failed})
        self.metrics.deleted.inc(len(done) - len(failed))
        now = datetime.now(UTC)
        for arrival in (arrival for delivery in deliveries for arrival in delivery.arrivals):
            upload = arrival.upload
            lag = max(0.0, (now - arrival.created.at).total_seconds())
            self.metrics.posted.labels(upload.kind).inc()
            self.metrics.lag.observe(lag)
            details = {"uri": upload.uri, "etag": upload.version, "kind": upload.kind, "lag_seconds": round(lag, 3)}
            _logger.info("An upload has its run", extra=details)

    def _report_failure(self, service: str, reason: str, attempts: int) -> None:
        self.metrics.failures.labels(service).inc()
        self.metrics.up.labels(service).set(0)
        details = {"service": service, "reason": reason, "attempts": attempts}
        _logger.warning("A service is unavailable", extra=details)
