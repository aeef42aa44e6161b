"""A diagram of each flow, drawn from its source: the tasks from top to bottom, with lines from results to their use."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from html import escape
from itertools import takewhile

from docs.site.steps import Step, steps_of
from flows.catalogue import CATALOGUE, FlowEntry

__all__ = ["flows_page"]

_INTRODUCTION = """\
# Flows

One diagram per flow, drawn from its code. Tasks are executed from top to bottom; a line leads from a task to those that
use its result. A stacked box is executed once per chunk of images or photos, many at a time. A box with a thick border
is another flow. What is indented happens only under the condition above it.
"""
_WIDTH, _BOX, _CAPTION, _GAP = 760, 50, 22, 14
_INDENT, _LANE = 20, 12
_CHARACTERS = 108  # of a summary on a line
_STYLE = """\
<style>
.flow text { fill: currentColor; font-size: 13px; }
.flow .name { font-weight: 600; }
.flow .summary, .flow .caption { font-size: 11.5px; opacity: .75; }
.flow .caption { font-style: italic; }
.flow rect { fill: var(--md-code-bg-color, #f5f5f5); stroke: currentColor; stroke-opacity: .45; }
.flow .flow-box { stroke-width: 2.5; stroke-opacity: .8; }
.flow path { fill: none; stroke: var(--md-accent-fg-color, #526cfe); stroke-width: 1.3; }
.flow marker path { fill: var(--md-accent-fg-color, #526cfe); stroke: none; }
.flow { min-width: 620px; max-width: 100%; height: auto; }
.drawing { overflow-x: auto; }
</style>
"""


def flows_page() -> str:
    """Return the page in Markdown, with a drawing in SVG for every flow of the catalogue."""
    return "\n".join([_INTRODUCTION, _STYLE, *map(_section, CATALOGUE)])


def _section(entry: FlowEntry) -> str:
    starts = [f"[`sightline {entry.name}`](commands.md#sightline-{entry.name})"]
    starts += [f"the schedule `{schedule.cron}` (UTC)" for schedule in entry.schedules]
    starts += [f"the event `{trigger.expect}`" for trigger in entry.triggers]
    drawing = draw(steps_of(entry.target), entry.name)
    return f"## {entry.name}\n\n{entry.summary} Started by {', '.join(starts)}.\n\n{drawing}\n"


def draw(steps: Sequence[Step], title: str) -> str:
    """Return the steps as one SVG element."""
    inputs = _reduced(steps)
    lanes = _lanes(inputs)
    left = _LANE * (max(lanes.values(), default=-1) + 2) + 8
    parts, tops, y = list[str](), list[int](), _GAP
    shown: tuple[str, ...] = ()
    for step in steps:
        common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(shown, step.conditions, strict=False)))
        for depth in range(common, len(step.conditions)):
            parts.append(_text(left + _INDENT * depth, y + 14, "caption", f"{step.conditions[depth]}:"))
            y += _CAPTION
        shown = step.conditions
        tops.append(y)
        parts += _box(step, left + _INDENT * len(step.conditions), y)
        y += _BOX + _GAP
    lines = _lines(steps, inputs, lanes, tops, left)
    return (
        f'<div class="drawing"><svg class="flow" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" role="img" '
        f'aria-label="{escape(title)}">'
        f'<defs><marker id="arrow-{title}" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" '
        f'orient="auto"><path d="M0 0L6 3L0 6z"/></marker></defs>{"".join([*lines, *parts])}</svg></div>'
    ).replace("url(#arrow)", f"url(#arrow-{title})")


def _reduced(steps: Sequence[Step]) -> list[list[int]]:
    """Return the inputs of each step without those that reach it through another input."""
    above: list[set[int]] = []
    for step in steps:
        above.append(set(step.inputs).union(*(above[place] for place in step.inputs)))
    return [
        [place for place in step.inputs if not any(place in above[other] for other in step.inputs)] for step in steps
    ]


def _lanes(inputs: Sequence[Sequence[int]]) -> dict[int, int]:
    """Return the lane of each step whose result is used later than by the next step; no two lines overlap."""
    last = {source: place for place, sources in enumerate(inputs) for source in sources if place > source + 1}
    lanes: dict[int, int] = {}
    for source, end in sorted(last.items(), key=lambda item: item[1] - item[0]):
        taken = {lane for other, lane in lanes.items() if other < end and last[other] > source}
        lanes[source] = next(lane for lane in range(len(lanes) + 1) if lane not in taken)
    return lanes


def _lines(
    steps: Sequence[Step], inputs: Sequence[Sequence[int]], lanes: dict[int, int], tops: Sequence[int], left: int
) -> Iterator[str]:
    for place, sources in enumerate(inputs):
        x = left + _INDENT * len(steps[place].conditions)
        for source in sources:
            start = left + _INDENT * len(steps[source].conditions)
            if place == source + 1:
                below, at = tops[source] + _BOX, _WIDTH // 2
                yield f'<path d="M{at} {below}V{tops[place]}" marker-end="url(#arrow)"/>'
            else:
                lane = left - _LANE * (lanes[source] + 1)
                yield (
                    f'<path d="M{start} {tops[source] + 34}H{lane + 4}Q{lane} {tops[source] + 34} {lane} '
                    f'{tops[source] + 38}V{tops[place] + 16}H{x}" marker-end="url(#arrow)"/>'
                )


def _box(step: Step, x: int, y: int) -> Iterator[str]:
    width, radius = _WIDTH - x - 8, 22 if step.kind == "end" else 5
    if step.kind == "map":
        yield f'<rect x="{x + 5}" y="{y - 5}" width="{width}" height="{_BOX}" rx="5"/>'
    shape = ' class="flow-box"' if step.kind == "flow" else ""
    yield f'<rect{shape} x="{x}" y="{y}" width="{width}" height="{_BOX}" rx="{radius}"/>'
    yield _text(x + 14, y + 20, "name", step.name)
    yield _text(
        x + 14, y + 38, "summary", textwrap.shorten(step.summary.replace("``", ""), _CHARACTERS, placeholder=" …")
    )


def _text(x: int, y: int, style: str, text: str) -> str:
    return f'<text class="{style}" x="{x}" y="{y}">{escape(text)}</text>'
