"""The names of a patient: the names file in the patient's folder, ``--names``, or the folder's own name.

The names file, ``names.txt``, has one name a line in UTF-8. "#" begins a comment. Names of other people stand below the
line "Others:". A name may state its pronoun: "Cleo (she)".

    # How the staff call her
    Ana
    Ana Maria Lopez
    Mrs Lopez

    Others:
    Ben
    Nurse Joy
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from sightline import storage
from sightline.emotion.spoken_folder import spoken_name
from sightline.errors import InvalidInput
from sightline.storage import Location

NAMES_FILE = "names.txt"
"""The names file's name in a patient's folder of training data."""

_MAX_BYTES = 1_000_000
_PATIENT_HEADINGS = frozenset({"patient", "the patient", "names", "theirs"})
_OTHER_HEADINGS = frozenset({"others", "other people", "other", "not the patient"})
_PRONOUN = re.compile(r"\s*\(\s*(he|she|they)\b[^()]*\)\s*$", re.IGNORECASE)
_NEW_FILE = "# The names of the patient, one a line. Names of other people stand below the line 'Others:'.\n"

Pronoun = Literal["he", "she"]


class PatientNames(BaseModel):
    """The names by which a patient is spoken of, and those of other people.

    ``pronoun`` is the patient's, if a name states it. ``from_folder``: the only name is that of the patient's folder.
    """

    model_config = ConfigDict(frozen=True)

    theirs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    pronoun: Pronoun | None = None
    from_folder: bool = False

    @classmethod
    def given(cls, names: Iterable[str], others: Iterable[str] = ()) -> PatientNames:
        """Return the names as a user gives them; raise ``InvalidInput`` for one without a letter."""
        lines = [_Line("patient", name, f"--names: {name!r}") for name in names]
        lines += [_Line("others", name, f"names of others: {name!r}") for name in others]
        return _collect(lines)

    @property
    def is_known(self) -> bool:
        """Whether any name of the patient is known."""
        return bool(self.theirs)

    def with_more(self, more: PatientNames) -> PatientNames:
        """Return these names and ``more``; a name on different sides of the two is on the side of ``more``."""
        return PatientNames(
            theirs=_distinct([*_without(self.theirs, more.others), *more.theirs]),
            others=_distinct([*_without(self.others, more.theirs), *more.others]),
            pronoun=more.pronoun or self.pronoun,
        )


def read_names(folder: Location) -> PatientNames:
    """Return the names in the names file of a patient's folder; none if there is no file.

    Raises ``InvalidInput``, which names the file, the line and the fix.
    """
    location = folder / NAMES_FILE
    try:
        data = storage.read_bytes(location, _MAX_BYTES)
    except FileNotFoundError:
        return PatientNames()
    return parse_names(data, storage.uri_of(location))


def names_of(folder: Location, patient: str, given: Sequence[str] | None = None) -> PatientNames:
    """Return all names of ``patient``: those in the names file of ``folder``, those given, and the folder's own.

    A given name is the patient's even if the file states otherwise. The folder's name counts if it is spoken ("ana" is,
    "patient-17" is not) and the file does not list it among the others.
    """
    listed = read_names(folder).with_more(PatientNames.given(given or ()))
    own = spoken_name(patient)
    if own is None or not _without([own], [*listed.others, *listed.theirs]):
        return listed
    return listed.model_copy(update={"theirs": (*listed.theirs, own), "from_folder": not listed.theirs})


def add_names(folder: Location, theirs: Iterable[str] = (), others: Iterable[str] = ()) -> PatientNames:
    """Add names to the names file of a patient's folder, and return all that it then lists.

    Any number of writers may add names at the same time: none is lost. A name that the file lists on the other side
    changes sides. Comments, order and other names stay as they are; adding the same names again changes nothing.
    """
    location = folder / NAMES_FILE
    added = PatientNames.given(theirs, others)
    while True:
        try:
            data = storage.read_bytes(location, _MAX_BYTES)
        except FileNotFoundError:
            data = None
        stored = parse_names(data, storage.uri_of(location)) if data is not None else PatientNames()
        if _holds(stored, added):
            return stored
        text = _with_names(decode_names(data, storage.uri_of(location)) if data else _NEW_FILE, stored, added)
        if storage.swap(location, data, text.encode()):
            return parse_names(text.encode(), storage.uri_of(location))


def parse_names(data: bytes, subject: str) -> PatientNames:
    """Return the names in a names file; ``subject`` is the file's URI, for errors."""
    return _collect(_lines(decode_names(data, subject), subject))


def decode_names(data: bytes, subject: str) -> str:
    """Return a names file's text, without a byte order mark."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidInput(subject, f"byte {error.start} is not UTF-8", "Save the file as UTF-8") from error


class _Line(NamedTuple):
    """The names of one line, without the comment, and its place for errors."""

    section: Literal["patient", "others"]
    text: str
    place: str


def _lines(text: str, subject: str) -> Iterator[_Line]:
    section: Literal["patient", "others"] = "patient"
    for number, raw in enumerate(text.splitlines(), start=1):
        content = _clean(raw.partition("#")[0])
        place = f"{subject}: line {number}"
        if heading := _heading(content):
            if heading not in _PATIENT_HEADINGS | _OTHER_HEADINGS:
                raise InvalidInput(place, f"{content!r} is not a heading", 'Write "Patient:" or "Others:"')
            section = "others" if heading in _OTHER_HEADINGS else "patient"
        elif content:
            yield _Line(section, content, place)


def _collect(lines: Iterable[_Line]) -> PatientNames:
    found: dict[str, list[str]] = {"patient": [], "others": []}
    pronouns: set[str] = set()
    for line in lines:
        for part in re.split(r"[,;]", line.text):
            name, pronoun = _name_and_pronoun(part)
            if not name and not part.strip():
                continue
            if not any(character.isalpha() for character in name):
                raise InvalidInput(line.place, f"{part.strip()!r} is not a name", "Write a name, or remove it")
            found[line.section].append(name)
            if line.section == "patient" and pronoun in ("he", "she"):
                pronouns.add(pronoun)
    theirs = _distinct(found["patient"])
    return PatientNames.model_validate(
        {
            "theirs": theirs,
            "others": _distinct(found["others"]),
            "pronoun": pronouns.pop() if len(pronouns) == 1 else None,
        }
    )


def _name_and_pronoun(text: str) -> tuple[str, str]:
    match = _PRONOUN.search(text)
    return _clean(text[: match.start()] if match else text), match[1].lower() if match else ""


def _with_names(text: str, stored: PatientNames, added: PatientNames) -> str:
    """Return the file's text with the added names, each in its section and in no other."""
    newline = "\r\n" if "\r\n" in text else "\n"
    kept = {"patient": added.others, "others": added.theirs}
    lines = [_remove(line, kept[section]) for section, line in _sections(text)]
    sections = [section for section, _ in _sections(text)]
    theirs = list(_without(added.theirs, stored.theirs))
    others = list(_without(added.others, stored.others))
    at = next((i for i, section in enumerate(sections) if section == "others"), len(lines))
    # A blank line before the heading stays there.
    while at > 0 and at <= len(lines) and not lines[at - 1].strip():
        at -= 1
    lines[at:at] = theirs
    if others:
        if "others" not in sections:
            lines += ["", "Others:"]
        elif sections[-1] != "others":
            lines += ["Others:"]
        lines += others
    return newline.join(lines) + newline


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield every line with its section; a heading belongs to the section that it begins."""
    section = "patient"
    for line in text.splitlines():
        if heading := _heading(_clean(line.partition("#")[0])):
            section = "others" if heading in _OTHER_HEADINGS else "patient"
        yield section, line


def _heading(content: str) -> str:
    """Return the words of a heading, such as "Others:" or "[others]"; empty if the line is none."""
    if content.endswith(":") or (content.startswith("[") and content.endswith("]")):
        return content.strip("[]: ").casefold() or ":"
    return ""


def _remove(line: str, names: Iterable[str]) -> str:
    """Return ``line`` without the names in ``names``."""
    content, comment, words = line.partition("#")
    parts = re.split(r"[,;]", content)
    left = [part for part in parts if not part.strip() or _without([_name_and_pronoun(part)[0]], names)]
    return line if len(left) == len(parts) else ",".join(left).strip() + (f"  {comment}{words}" if comment else "")


def _holds(stored: PatientNames, added: PatientNames) -> bool:
    return (
        not _without(added.theirs, stored.theirs)
        and not _without(added.others, stored.others)
        and len(_without(stored.theirs, added.others)) == len(stored.theirs)
        and len(_without(stored.others, added.theirs)) == len(stored.others)
    )


def _clean(text: str) -> str:
    """Return ``text`` composed (NFC), without invisible characters, with single spaces."""
    visible = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) != "Cf")
    return " ".join(visible.split())


def _without(names: Iterable[str], excluded: Iterable[str]) -> tuple[str, ...]:
    keys = {_key(name) for name in excluded}
    return tuple(name for name in names if _key(name) not in keys)


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    distinct: dict[str, str] = {}
    for name in names:
        distinct.setdefault(_key(name), name)
    return tuple(distinct.values())


def _key(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().replace(".", " ").split())
