"""The alerts of a bed, as the alert channels show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta

from sightline.alerts import Alert
from sightline.beds.bed import Bed
from sightline.beds.timeline import NO_DATA, Timeline
from sightline.beds.watch import Raised
from sightline.beds.words import duration, moment, state_text

__all__ = ["alert_of"]


def alert_of(
    raised: Raised, bed: Bed, timeline: Timeline, problems: Sequence[tuple[str, str]], page: str, *, seen: bool
) -> Alert:
    """Return the alert. Its key identifies the event, so that a repeated pass sends nothing again.

    ``seen``: whether there was ever a usable frame.
    """
    since = raised.since.astimezone(UTC)
    key = f"bed {bed.name} {bed.patient} {raised.kind} {since.isoformat()}"
    facts = {"bed": bed.name, "patient": bed.patient}
    if raised.kind == "unturned":
        rest = timeline.current
        unseen = sum(
            (each.length for each in timeline.within(raised.since, raised.at) if each.state == NO_DATA), timedelta()
        )
        facts |= {
            "posture": state_text(rest.posture if rest else None),
            "no turn seen since": moment(raised.since, bed.zone),
            **({"of this without data": duration(unseen)} if unseen else {}),
            "limit": duration(timedelta(minutes=bed.turn_after_minutes)),
        }
        title = f"{bed.patient} in {bed.name} was not turned for {duration(raised.at - raised.since)}"
    else:
        facts |= {"last usable frame": moment(raised.since, bed.zone) if seen else "none yet"}
        if problems:
            file, problem = problems[-1]
            facts["last unusable file"] = f"{file}: {problem}"
        title = f"No data of {bed.name} for {duration(raised.at - raised.since)}"
    return Alert(key=key, kind="result", title=title, facts=facts | {"page": page}, at=raised.at)
