"""From the queue to the Prefect server: a message is deleted only after the server accepted its events."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event as Flag

from deployments.s3_events.events import Event, object_created, poison, upload_of
from deployments.s3_events.messages import ObjectCreated, Poison, read_message
from deployments.s3_events.observability import Heartbeat, ListenerMetrics
from deployments.s3_events.prefect_api import PrefectApi, RejectedByServer, Unavailable
from deployments.s3_events.sqs import AWS_ERRORS, Message, Queue
from sightline.uploads import UploadRules

__all__ = ["Backoff", "Listener"]

_logger = logging.getLogger(__name__)
_BODY = 200  # characters of a message in a log line


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff in seconds: it doubles from ``first`` up to ``longest``."""

    first: float = 0.5
    longest: float = 60.0

    def wait(self, attempts: int) -> float:
        """Return the seconds to wait after this many failed attempts (1 or more), reduced by up to half as jitter."""
        return min(self.longest, self.first * 2.0 ** min(attempts - 1, 32)) * random.uniform(0.5, 1)  # noqa: S311


@dataclass(frozen=True)
class _Delivery:
    """A message and its events for the server. If ``keep``, the queue's redrive policy handles the message."""

    message: Message
    events: tuple[Event, ...]
    keep: bool = False
    objects: tuple[tuple[ObjectCreated, str], ...] = ()
    """The objects of the message with their kinds."""


@dataclass
class Listener:
    """Processes messages until ``stop`` is set; then it finishes the messages that it holds, or returns them."""

    queue: Queue
    api: PrefectApi
    upload_rules: UploadRules
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
                    self._deliver([self._read(message) for message in messages])
                except AWS_ERRORS as error:
                    # SQS delivers them again after the visibility timeout. The server ignores events it already has.
                    self._report_failure("sqs", str(error), 1)
                    self.stop.wait(self.backoff.wait(1))

    def _read(self, message: Message) -> _Delivery:
        try:
            created = read_message(message.body)
        except Poison as reason:
            return self._discard(message, str(reason))
        accepted = []
        for item in created:
            if upload := upload_of(item, self.upload_rules):
                accepted.append((item, upload))
            else:
                self.metrics.ignored.inc()
                _logger.info("No rule matches an object", extra={"uri": f"s3://{item.bucket}/{item.key}"})
        events = tuple(object_created(item, upload) for item, upload in accepted)
        return _Delivery(message, events, objects=tuple((item, upload.kind) for item, upload in accepted))

    def _discard(self, message: Message, reason: str) -> _Delivery:
        """Move an invalid message to the dead-letter queue, and alert about it."""
        self.metrics.poison.inc()
        is_moved = self._move_to_dead_letters(message, reason)
        place = str(self.queue.dead_letters) if is_moved else "in the queue, for its redrive policy"
        details = {"message_id": message.id, "reason": reason, "kept": place, "body": message.body[:_BODY]}
        _logger.error("A message is invalid", extra=details)
        # A message that stays is received again until the redrive policy moves it; one alert is enough.
        is_known = not is_moved and message.receives > 1
        return _Delivery(message, () if is_known else (poison(self.queue.url, message, reason, place),), not is_moved)

    def _move_to_dead_letters(self, message: Message, reason: str) -> bool:
        if not self.queue.dead_letters:
            return False
        try:
            self.queue.send_to_dead_letters(message, reason)
        except AWS_ERRORS as error:  # the rest of the batch is still processed
            self._report_failure("sqs", f"{self.queue.dead_letters}: {error}", 1)
            return False
        return True

    def _deliver(self, deliveries: Sequence[_Delivery]) -> None:
        """Post all events, retrying as long as it takes, and then delete the messages."""
        self.metrics.held.set(len(deliveries))
        attempts = 0
        while events := [event for delivery in deliveries for event in delivery.events]:
            try:
                self.api.post(events)
            except RejectedByServer as rejection:
                self._isolate(deliveries, str(rejection))
                return
            except Unavailable as error:
                attempts += 1
                self._report_failure("prefect", str(error), attempts)
                if self.stop.is_set():
                    self._return(deliveries)
                    return
                delay = self.backoff.wait(attempts)
                deliveries = self._hold(deliveries, delay)
                self.heartbeat.beat()
                self.stop.wait(delay)
                continue
            self.metrics.up.labels("prefect").set(1)
            break
        self._finish(deliveries)

    def _isolate(self, deliveries: Sequence[_Delivery], reason: str) -> None:
        """Deliver the messages one by one, and discard those whose events the server rejects."""
        if len(deliveries) > 1:
            for delivery in deliveries:
                self._deliver([delivery])
            return
        [rejected] = deliveries
        if rejected.objects:
            self._deliver([self._discard(rejected.message, f"the server rejects its event: {reason}")])
            return
        _logger.error("The server rejects an alert", extra={"message_id": rejected.message.id, "reason": reason})
        self._finish(deliveries)

    def _hold(self, deliveries: Sequence[_Delivery], delay: float) -> list[_Delivery]:
        """Extend the messages' visibility timeouts; return the deliveries for which SQS did so."""
        messages = [delivery.message for delivery in deliveries]
        lost = self.queue.extend_visibility(messages, delay + self.queue.visibility_seconds)
        if lost:
            _logger.warning("Messages could not be held and will be received again", extra={"messages": lost})
        held = [delivery for delivery in deliveries if delivery.message.id not in lost]
        self.metrics.held.set(len(held))
        return held

    def _return(self, deliveries: Sequence[_Delivery]) -> None:
        """Make the messages visible to other listeners."""
        messages = [delivery.message for delivery in deliveries]
        self.queue.extend_visibility(messages, 0)
        self.metrics.returned.inc(len(messages))
        self.metrics.held.set(0)
        _logger.info("Messages are returned to the queue", extra={"messages": [message.id for message in messages]})

    def _finish(self, deliveries: Sequence[_Delivery]) -> None:
        done = [delivery.message for delivery in deliveries if not delivery.keep]
        failed = self.queue.delete(done)
        if failed:
            _logger.warning("Messages could not be deleted and will be received again", extra={"messages": failed})
        self.metrics.deleted.inc(len(done) - len(failed))
        self.metrics.held.set(0)
        now = datetime.now(UTC)
        for created, kind in (item for delivery in deliveries for item in delivery.objects):
            lag = max(0.0, (now - created.at).total_seconds())
            self.metrics.posted.labels(kind).inc()
            self.metrics.lag.observe(lag)
            uri = f"s3://{created.bucket}/{created.key}"
            details = {"uri": uri, "etag": created.etag, "kind": kind, "lag_seconds": round(lag, 3)}
            _logger.info("An object is reported to the server", extra=details)

    def _report_failure(self, service: str, reason: str, attempts: int) -> None:
        self.metrics.failures.labels(service).inc()
        self.metrics.up.labels(service).set(0)
        details = {"service": service, "reason": reason, "attempts": attempts}
        _logger.warning("A service is unavailable", extra=details)
