"""TTML and DFXP files, read with ttconv: the only one of three libraries with offsets, sequences and word times."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from sightline.errors import InvalidTranscript
from sightline.speech.cues import Cue
from sightline.speech.transcript import Word

if TYPE_CHECKING:
    from ttconv.model import ContentElement

_NAMESPACE = "http://www.w3.org/ns/ttml"
# The drafts of 2006, which DFXP files still use.
_DRAFTS = re.compile(r"http://www\.w3\.org/2006/(?:04|10)/ttaf1")
_SHORT_HOUR = re.compile(r"""(\b(?:begin|end|dur)\s*=\s*["'])([0-9]:[0-9])""")

# ttconv takes the end of a container's last child for the container's own end, without adding its begin.
_NO_END = 10**6

_TIMES = ("begin", "end", "dur", "timeContainer")
_CONTENT = {f"{{{_NAMESPACE}}}{name}" for name in ("body", "div", "p", "span", "br")}


def read_ttml(text: str, subject: str) -> tuple[list[Cue], str | None]:
    """Return one cue per paragraph, and the language if the document names it.

    Spans with their own times become word times. A paragraph without an end lasts until the next one begins. Raises
    ``InvalidTranscript`` with ``subject`` and, if possible, the line.
    """
    from ttconv.imsc.reader import to_model

    text = _SHORT_HOUR.sub(r"\g<1>0\2", _DRAFTS.sub(_NAMESPACE, text))
    try:
        root = ET.fromstring(text)  # noqa: S314 - expat limits the expansion of entities
    except ET.ParseError as error:
        raise InvalidTranscript(subject, f"not XML: {error}", "Export it again, or copy the complete file") from error
    if root.tag != f"{{{_NAMESPACE}}}tt":
        raise InvalidTranscript(subject, f"an XML file, but not TTML: its root is {root.tag!r}", "Export it as TTML")
    _keep_times_only(root)
    with _errors_in_times() as errors:
        document = to_model(ET.ElementTree(root))
    if errors:
        raise InvalidTranscript(subject, _locate(errors[0], text), "Correct it, or export the file again")
    body = document.get_body() if document else None
    found = list(_paragraphs(body, 0.0, float(_NO_END))) if body else []
    expected = sum(bool("".join(p.itertext()).strip()) for p in root.iter(f"{{{_NAMESPACE}}}p"))
    if len(found) != expected:
        raise InvalidTranscript(subject, f"{expected} paragraphs, but {len(found)} cues", "Check their times")
    found.sort(key=lambda cue: cue.start)
    for index, cue in enumerate(found):
        if cue.end >= _NO_END:
            later = next((after.start for after in found[index:] if after.start > cue.start), cue.start)
            found[index] = Cue(cue.start, later, cue.lines, cue.words)
        elif cue.end < cue.start:
            raise InvalidTranscript(subject, f"the cue {cue.text[:40]!r} ends before it starts", "Correct its times")
    return found, root.get("{http://www.w3.org/XML/1998/namespace}lang") or None


def _keep_times_only(root: ET.Element) -> None:
    """Remove styling and metadata, and set an end where ttconv would compute a wrong one."""
    for parent in list(root.iter()):
        before: ET.Element | None = None
        for child in list(parent):
            if child.tag not in _CONTENT:
                # The text after an element belongs to it in ElementTree, but not in XML.
                if before is None:
                    parent.text = (parent.text or "") + (child.tail or "")
                else:
                    before.tail = (before.tail or "") + (child.tail or "")
                parent.remove(child)
                continue
            before = child
            times = {name: value for name, value in child.attrib.items() if name in _TIMES}
            child.attrib.clear()
            child.attrib.update(times)
            is_open = not {"end", "dur", "timeContainer"} & set(times) and parent.get("timeContainer") != "seq"
            if is_open and child.tag != f"{{{_NAMESPACE}}}br":
                child.set("dur", f"{_NO_END}s")


def _paragraphs(element: ContentElement, begin: float, end: float) -> Iterator[Cue]:
    """Yield the paragraphs with text in ``element``, whose parent is active from ``begin`` to ``end``."""
    from ttconv.model import P

    begin, end = _active(element, begin, end)
    if not isinstance(element, P):
        for child in element:
            yield from _paragraphs(child, begin, end)
        return
    lines: list[list[tuple[float, float, str]]] = [[]]
    for start, stop, part in _texts(element, begin, end):
        if part == "\n":
            lines.append([])
        else:
            lines[-1].append((start, stop, part))
    filled = [line for line in lines if any(part.strip() for *_, part in line)]
    times = [(start, stop) for line in filled for start, stop, part in line if part.strip()]
    if filled:
        yield Cue(
            min(start for start, _ in times),
            max(stop for _, stop in times),
            tuple(" ".join("".join(part for *_, part in line).split()) for line in filled),
            tuple(tuple(_words(line)) if len(set(times)) > 1 else () for line in filled),
        )


def _texts(element: ContentElement, begin: float, end: float) -> Iterator[tuple[float, float, str]]:
    """Yield the texts in ``element`` with their times; a line end is a line break, those of the XML are spaces."""
    from ttconv.model import Br, Text

    for child in element:
        if isinstance(child, Text):
            yield begin, end, child.get_text().replace("\n", " ")
        elif isinstance(child, Br):
            yield begin, end, "\n"
        else:
            yield from _texts(child, *_active(child, begin, end))


def _active(element: ContentElement, begin: float, end: float) -> tuple[float, float]:
    own_end = element.get_end()
    return begin + float(element.get_begin() or 0), end if own_end is None else min(end, begin + float(own_end))


def _words(line: list[tuple[float, float, str]]) -> Iterator[Word]:
    for start, end, part in line:
        if part.strip() and start <= end < _NO_END:
            yield Word(text=" ".join(part.split()), start=start, end=end)


@contextmanager
def _errors_in_times() -> Iterator[list[str]]:
    """Collect the times that ttconv logs as errors; it continues with time 0."""
    errors: list[str] = []
    thread = threading.get_ident()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread and re.match("Bad (?:begin|end|dur) ", record.getMessage()):
                errors.append(record.getMessage())

    collector = Collector(logging.ERROR)
    logging.getLogger("ttconv").addHandler(collector)
    try:
        yield errors
    finally:
        logging.getLogger("ttconv").removeHandler(collector)


def _locate(message: str, text: str) -> str:
    """Add the line to a message such as ``Bad begin attribute value: 1x`` if the value occurs in the text."""
    at = text.find(f'"{message.rpartition(": ")[2]}"')
    return f"line {text.count(chr(10), 0, at) + 1}: {message}" if at >= 0 else message
