"""Parsed names of models, patients and sessions.

Text that comes from a user or a record is parsed here, once. Everything after that takes the typed name, and the rules
for folders, identifiers and file names exist only here.

>>> ModelName.parse("posture/3").folder
'posture@3'
>>> PatientName.parse("ana").model.label
'patient--ana'
>>> SessionName.parse("ana/first clip").patient.text
'ana'
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, replace

from sightline.errors import InvalidModelName, InvalidName

__all__ = ["ENDPOINT", "RESULT_FOLDER", "ModelName", "PatientName", "SessionName", "check_key_part"]

ENDPOINT = "endpoint://"
"""The prefix of a SageMaker endpoint's name."""

RESULT_FOLDER = "annotated"
"""The folder of the video bucket that contains the results of its videos; no patient can have this name."""

_MODEL = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
# No other model's name has two hyphens in a row: a patient and an image model never share a name.
_OF_PATIENT = re.compile(r"patient--(?P<words>[a-z0-9]+([_-][a-z0-9]+)*)(--(?P<hash>[0-9a-f]{16}))?")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_MAX_VERSION = 999_999_999
_ENDPOINT_NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,62}")  # SageMaker's own rule
_ENDPOINT_VARIANT = "AllTraffic"

_RESERVED = frozenset({RESULT_FOLDER, "models"})
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})  # control characters, lone surrogates, line separators
_LEADING = re.compile(r"^[.\s]+")
_MAX_PART = 100  # characters
_MAX_FILE_NAME = 255  # bytes, on the usual filesystems
_MAX_STEM = 150  # bytes; leaves room for "-" with a SHA-256, and for "_track.parquet"
_MAX_PATIENT_WORDS = 40  # characters of a patient's name in the name of their model, before the hash


@dataclass(frozen=True)
class ModelName:
    """A model, or one version of it: ``posture``, ``posture/3`` or ``endpoint://NAME``.

    Raises :class:`~sightline.errors.InvalidModelName` for a name or a version that no model can have.
    """

    name: str
    version: int | None = None
    is_endpoint: bool = False

    def __post_init__(self) -> None:
        if self.is_endpoint:
            if not _ENDPOINT_NAME.fullmatch(self.name) or self.version is not None:
                raise InvalidModelName(
                    f"{self.label!r} is not an endpoint: write it as {ENDPOINT}NAME, where NAME has at most 63 letters "
                    "and digits, with - between them"
                )
            return
        if not self.is_valid(self.name):
            raise InvalidModelName(
                f"{self.name!r} cannot be a model's name: write it in lowercase letters and digits, with - or _ "
                "between them, as in posture"
            )
        if self.version is not None and not 1 <= self.version <= _MAX_VERSION:
            raise InvalidModelName(f"{self.label}: {self.version} is not a version. Write it as in {self.name}/3")

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """Return the model that ``text`` names: ``posture``, ``posture/3`` or ``endpoint://NAME``."""
        if text.startswith(ENDPOINT):
            return cls(text.removeprefix(ENDPOINT), is_endpoint=True)
        name, slash, number = text.partition("/")
        if slash and not cls.is_version(number):
            raise InvalidModelName(f"{text}: {number!r} is not a version. Write it as in {name}/3")
        return cls(name, int(number) if slash else None)

    @classmethod
    def of(cls, model: ModelName | str, version: int | None = None) -> ModelName:
        """Return ``model`` with ``version``, if one is given; raise ``InvalidModelName`` if the two disagree."""
        parsed = cls.parse(model) if isinstance(model, str) else model
        if version is None or version == parsed.version:
            return parsed
        if parsed.version is not None:
            raise InvalidModelName(f"{parsed.label}: names another version than {version}. Give one of the two")
        return parsed.with_version(version)

    @staticmethod
    def is_valid(text: str) -> bool:
        """Return whether a model of the registry can have the name ``text``, without a version."""
        return _MODEL.fullmatch(text) is not None or _OF_PATIENT.fullmatch(text) is not None

    @staticmethod
    def is_version(text: str) -> bool:
        """Return whether ``text`` is a version's number in its only spelling, without leading zeros."""
        return _VERSION.fullmatch(text) is not None

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The name as a user writes it: ``posture``, ``posture/3`` or ``endpoint://NAME``."""
        if self.is_endpoint:
            return f"{ENDPOINT}{self.name}"
        return self.name if self.version is None else f"{self.name}/{self.version}"

    @property
    def unversioned(self) -> ModelName:
        """The model without its version."""
        return replace(self, version=None)

    def with_version(self, version: int) -> ModelName:
        """Return this version of the model."""
        return replace(self, version=version)

    @property
    def is_of_patient(self) -> bool:
        """Whether it is the name of a patient's model."""
        return not self.is_endpoint and _OF_PATIENT.fullmatch(self.name) is not None

    @property
    def earlier(self) -> ModelName | None:
        """The name that version 0.1 gave to this patient's model; None if this is not a patient's model.

        Models of other kinds, and of other patients, can have that name too.
        """
        match = None if self.is_endpoint else _OF_PATIENT.fullmatch(self.name)
        if match is None:
            return None
        return replace(self, name=match["words"] + (f"-{match['hash'][:8]}" if match["hash"] else ""))

    @property
    def folder(self) -> str:
        """The folder of its runs and reports: ``posture@3``, or ``endpoint.NAME``; no two names have the same."""
        if self.is_endpoint:
            return f"endpoint.{self.name}"
        return self.name if self.version is None else f"{self.name}@{self.version}"

    @property
    def earlier_folder(self) -> str:
        """The folder in version 0.1: ``posture-3``, or ``NAME``. Other models can have the same: check the contents."""
        return self.name if self.version is None else f"{self.name}-{self.version}"

    def has_folder(self, folder: str) -> bool:
        """Return whether ``folder`` is the folder of this model or, if it has no version, of any of its versions.

        The folders of version 0.1 count too, and can contain another model's files: check these with :meth:`covers`.
        """
        if folder in (self.folder, self.earlier_folder):
            return True
        name, _, version = folder.rpartition("@" if "@" in folder else "-")
        return self.version is None and not self.is_endpoint and name == self.name and self.is_version(version)

    def covers(self, label: str) -> bool:
        """Return whether ``label`` is the label of this model or, if it has no version, of any of its versions."""
        try:
            other = ModelName.parse(label)
        except InvalidModelName:
            return False
        return self in (other, other.unversioned)

    @property
    def review_folder(self) -> str:
        """The folder of its review questions: ``posture``, or ``endpoint.NAME``; no model's name has a dot.

        For a patient's model, see also that of :attr:`earlier`.
        """
        return f"endpoint.{self.name}" if self.is_endpoint else self.name

    @property
    def resource_id(self) -> str:
        """The identifier of events about it: ``sightline.model.posture.3``."""
        return f"sightline.model.{self.label if self.is_endpoint else self.label.replace('/', '.')}"

    @property
    def capture_endpoint(self) -> str:
        """The endpoint's name in capture files."""
        return self.name

    @property
    def capture_variant(self) -> str:
        """The variant's name in capture files: ``v3``, or ``AllTraffic`` for an endpoint.

        Raises ``ValueError`` for a model without a version.
        """
        if self.is_endpoint:
            return _ENDPOINT_VARIANT
        if self.version is None:
            raise ValueError(f"{self.label}: has no version, and a variant is one version")
        return f"v{self.version}"


@dataclass(frozen=True)
class PatientName:
    """A patient's name in Unicode's composed form (NFC), which can be one part of a key.

    Spaces and letters of any script are allowed, except a space at either end. Raises
    :class:`~sightline.errors.InvalidName`.
    """

    text: str

    def __post_init__(self) -> None:
        composed = check_key_part(self.text, "a patient's name", "Give another name with --patient")
        object.__setattr__(self, "text", composed)

    @classmethod
    def parse(cls, text: str) -> PatientName:
        """Return the patient that ``text`` names; both Unicode spellings of a name are the same patient."""
        return cls(text)

    @classmethod
    def of(cls, patient: PatientName | str) -> PatientName:
        """Return ``patient``, parsed if it is text."""
        return cls.parse(patient) if isinstance(patient, str) else patient

    def __str__(self) -> str:
        return self.text

    @property
    def model(self) -> ModelName:
        """The patient's model: ``patient--ana``; with a hash if a model cannot have the patient's name.

        The hash is that of the name as written, so that two patients never share a model. A model that version 0.1
        trained keeps its name; :func:`sightline.affect.model_of` returns the name in use.
        """
        if _MODEL.fullmatch(self.text):
            return ModelName(f"patient--{self.text}")
        plain = unicodedata.normalize("NFKD", self.text).encode("ascii", "ignore").decode().lower()
        words = re.sub(r"[^a-z0-9]+", "-", plain)[:_MAX_PATIENT_WORDS].strip("-") or "patient"
        return ModelName(f"patient--{words}--{hashlib.sha256(self.text.encode()).hexdigest()[:16]}")


@dataclass(frozen=True)
class SessionName:
    """A session of a patient, written ``PATIENT/SESSION``. Raises :class:`~sightline.errors.InvalidName`."""

    patient: PatientName
    session: str

    def __post_init__(self) -> None:
        composed = unicodedata.normalize("NFC", self.session)
        reason = _problem(composed)
        if not reason and len(composed.encode()) > _MAX_FILE_NAME:
            reason = f"is longer than {_MAX_FILE_NAME} bytes"
        if reason:
            raise _not_a_part(self.session, reason, "a session's name", "Give PATIENT/SESSION")
        object.__setattr__(self, "session", composed)

    @classmethod
    def parse(cls, text: str) -> SessionName:
        """Return the session that ``PATIENT/SESSION`` names."""
        patient, _, session = text.partition("/")
        return cls(PatientName.parse(patient), session)

    @classmethod
    def from_stem(cls, patient: PatientName, stem: str) -> SessionName:
        """Return the session that a video with this stem becomes.

        The stem is composed (NFC), characters that cannot be part of a key are replaced by ``_``, and a long stem is
        cut. Two stems may thus become one name: a session is identified by its content. Raises ``InvalidName`` if
        nothing is left.
        """
        composed = unicodedata.normalize("NFC", stem)
        replaced = "".join("_" if _is_forbidden(character) else character for character in composed)
        clean = _LEADING.sub("", replaced.encode()[:_MAX_STEM].decode(errors="ignore")).rstrip()
        if not clean:
            raise InvalidName(repr(stem), "leaves no characters for a session's name", "Rename the video")
        return cls(patient, clean)

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """The name as a user writes it: ``PATIENT/SESSION``."""
        return f"{self.patient.text}/{self.session}"


def check_key_part(name: str, purpose: str, fix: str) -> str:
    """Return ``name`` composed (NFC); raise ``InvalidName`` if it cannot be one part of a key.

    ``purpose`` is what the name is for, and ``fix`` how to correct it; both are part of the message.
    """
    composed = unicodedata.normalize("NFC", name)
    reason = _problem(composed)
    if not reason and composed.casefold() in _RESERVED:
        reason = "is reserved for results"
    if not reason and (len(composed) > _MAX_PART or len(composed.encode()) > _MAX_FILE_NAME):
        reason = f"is longer than {_MAX_PART} characters, or {_MAX_FILE_NAME} bytes"
    if reason:
        raise _not_a_part(name, reason, purpose, fix)
    return composed


def _problem(name: str) -> str:
    """Return why ``name`` cannot be one part of a key; empty if it can."""
    if not name:
        return "is empty"
    if any(map(_is_forbidden, name)):
        return "contains a slash, a backslash, a line end or a control character"
    if name.startswith("."):
        return "starts with a dot"
    if name != name.strip():
        return "starts or ends with a space"
    return ""


def _not_a_part(name: str, reason: str, purpose: str, fix: str) -> InvalidName:
    return InvalidName(repr(name), f"{reason}, so it cannot be {purpose}", fix)


def _is_forbidden(character: str) -> bool:
    return character in "/\\" or unicodedata.category(character) in _FORBIDDEN_CATEGORIES
