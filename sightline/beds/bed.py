"""The beds and what their files state: the patient, the mat, the time zone and the limits of the alerts.

::

    BEDS_BUCKET/bed-7/bed.toml      this bed
    BEDS_BUCKET/bed-7/frames/       what its mat writes, unless the file names another source
"""

from __future__ import annotations

import hashlib
import tomllib
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sightline import storage
from sightline.beds.mat import Mat
from sightline.beds.watch import Limits
from sightline.errors import InvalidInput
from sightline.names import PatientName, check_key_part
from sightline.storage import Location

__all__ = ["CONFIGURATION", "Bed", "InvalidBed", "bed_names", "read_bed"]

CONFIGURATION = "bed.toml"
Minutes = Annotated[float, Field(ge=1, le=7 * 24 * 60)]

_EXAMPLE = 'patient = "ana", time_zone = "Europe/Berlin" and a table [mat]'


class InvalidBed(InvalidInput):
    """A bed's file that is missing or malformed."""


class Bed(BaseModel):
    """A bed. ``mat`` is None if its frames are coloured pictures, which need no range.

    ``time_zone`` is that of time stamps without an offset. ``admitted``: frames before it are not of this patient.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    uri: str = Field(exclude=True, description="The bed's folder.")
    patient: str
    time_zone: str
    time_format: str | None = Field(None, description="The form of the time stamps, if it is not ISO 8601.")
    admitted: datetime | None = None
    source: str | None = Field(None, description="The folder or s3:// prefix of the frames. By default frames.")
    model: str = "posture"
    turn_after_minutes: Minutes = 120
    silent_after_minutes: Minutes = 15
    mat: Mat | None = None

    @field_validator("patient")
    @classmethod
    def _patient(cls, text: str) -> str:
        try:
            return PatientName.parse(text).text
        except InvalidInput as error:
            raise ValueError(str(error)) from error

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, text: str) -> str:
        try:
            ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{text!r} is no time zone. Write it as Europe/Berlin, or UTC") from error
        return text

    @property
    def folder(self) -> Location:
        """Where the bed's file is, and what is stored about it."""
        return storage.locate(self.uri)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of time stamps without an offset, and of the pages."""
        return ZoneInfo(self.time_zone)

    @property
    def admission(self) -> datetime | None:
        """The time from which on the frames are of this patient, with its zone; None if all are."""
        if self.admitted is None or self.admitted.tzinfo:
            return self.admitted
        return self.admitted.replace(tzinfo=self.zone)

    @property
    def limits(self) -> Limits:
        """The limits of the alerts."""
        return Limits(timedelta(minutes=self.turn_after_minutes), timedelta(minutes=self.silent_after_minutes))

    @property
    def digest(self) -> str:
        """A text that changes with what decides how frames are read."""
        stated = self.model_dump_json(include={"time_zone", "time_format", "admitted", "mat"})
        return hashlib.sha256(stated.encode()).hexdigest()[:16]

    @property
    def frames(self) -> Location:
        """Where the mat writes."""
        return storage.locate(self.source) if self.source else self.folder / "frames"


def bed_names(root: Location) -> list[str]:
    """Return the sorted names of the beds in ``root``: its folders with a file :data:`CONFIGURATION`."""
    return [name for name in storage.folder_names(root) if storage.exists(root / name / CONFIGURATION)]


def read_bed(root: Location, name: str) -> Bed:
    """Return the bed ``name`` of ``root``. Raises :class:`InvalidBed`, which names the entry and the fix."""
    folder = root / check_key_part(name, "a bed's name", "Give the name of a folder in BEDS_BUCKET")
    file = folder / CONFIGURATION
    uri = storage.uri_of(file)
    try:
        stated = tomllib.loads(storage.read_bytes(file).decode("utf-8"))
    except FileNotFoundError as error:
        raise InvalidBed(uri, "there is no such file", f"Create it with {_EXAMPLE}; README shows one") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidBed(uri, f"is no TOML ({error})", "Correct it") from error
    try:
        return Bed.model_validate({**stated, "name": folder.name, "uri": storage.uri_of(folder)})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the bed"
        raise InvalidBed(uri, f"{place}: {_said(first['msg'])}", _fix(place)) from error


def _said(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{text[:1].lower()}{text[1:]}"


def _fix(place: str) -> str:
    fixes = {
        "time_zone": 'State the zone of the mat\'s clock, as in time_zone = "Europe/Berlin"',
        "patient": 'State who lies in the bed, as in patient = "ana"',
        "mat.range": "State the values of no load and of full scale, as in range = [0, 4095] for 12 bits",
        "mat.empty_below": "State a mean value between that of the empty bed and that with the patient",
        "mat.head": 'State the edge below the head: "first row", "last row", "first column" or "last column"',
        "mat.left": "State the edge at the left hand of a patient on their back, as head is stated",
    }
    return fixes.get(place, "Correct it in the file")
