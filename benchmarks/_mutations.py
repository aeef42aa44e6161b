"""What the benchmarks with mutated files share: the mutations, and child processes that may crash or hang."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from typing import Any

HANG = 120.0
"""Seconds for one file, which usually takes a fraction of one."""

Mutation = Callable[[bytes, random.Random], bytes]
Describe = Callable[[int], tuple[str, str]]
"""Returns the file and the change that have a number."""


def run_all(module: str, describe: Describe, seeds: Path, files: int) -> list[dict[str, Any]]:
    """Return the results of the files, by two processes of ``module`` at a time."""
    halves = [(0, files // 2), (files // 2, files)]
    results: list[list[dict[str, Any]]] = [[], []]
    threads = [
        threading.Thread(
            target=lambda part, into: into.extend(_run_part(module, describe, seeds, *part)), args=(part, into)
        )
        for part, into in zip(halves, results, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results[0] + results[1]


def _run_part(module: str, describe: Describe, seeds: Path, start: int, stop: int) -> list[dict[str, Any]]:
    """Run the files in a child process; a file that kills or stops it is recorded, and a new process continues."""
    results: list[dict[str, Any]] = []
    while start < stop:
        command = [
            sys.executable,
            "-m",
            module,
            "--seeds",
            str(seeds),
            "--numbers",
            str(start),
            str(stop),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
            lines: Queue[str] = Queue()
            reader = threading.Thread(target=_read_lines, args=(child.stdout, lines))
            reader.start()
            outcome = "crash"
            try:
                while line := lines.get(timeout=HANG):
                    results.append(json.loads(line))
                    start += 1
            except Empty:
                outcome = "hang"
                child.kill()
            reader.join()
        if start < stop:
            file, change = describe(start)
            results.append(
                {"number": start, "file": file, "change": change, "outcome": outcome, "detail": str(child.returncode)}
            )
            start += 1
    return results


def _read_lines(stream: Any, lines: Queue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


def truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 3, 10, 100])):
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def flip_head(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 2, 5])):
        changed[chance.randrange(min(len(data), 600))] = chance.randrange(256)
    return bytes(changed)


def overwrite(data: bytes, chance: random.Random) -> bytes:
    start, size = chance.randrange(len(data)), chance.choice([20, 500, 5000, 50_000])
    junk = chance.choice([bytes(size), b"\xff" * size, chance.randbytes(size)])
    return (data[:start] + junk + data[start + size :])[: len(data)]


def delete(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.choice([1, 100, 5000]) :]


def repeat(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[max(0, start - chance.choice([1, 100, 5000])) :]


def swap(data: bytes, chance: random.Random) -> bytes:
    """Exchange two parts of the file: two boxes of MP4, otherwise two blocks."""
    boxes, start = [], 0
    while start + 8 <= len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8 or start + size > len(data):
            break
        boxes.append(data[start : start + size])
        start += size
    if len(boxes) < 2:
        size = len(data) // 20
        boxes = [data[place : place + size] for place in range(0, len(data), size)]
        start = len(data)
    first, second = chance.sample(range(len(boxes)), 2)
    boxes[first], boxes[second] = boxes[second], boxes[first]
    return b"".join(boxes) + data[start:]


def extreme(data: bytes, chance: random.Random) -> bytes:
    """Set a number of two to eight bytes to an extreme."""
    size = chance.choice([2, 4, 8])
    start = chance.randrange(min(len(data), chance.choice([300, 3000, len(data)])))
    value = chance.choice([bytes(size), b"\xff" * size, b"\x7f" + b"\xff" * (size - 1), b"\x80" + bytes(size - 1)])
    return (data[:start] + value + data[start + size :])[: len(data)]


def splice(data: bytes, chance: random.Random) -> bytes:
    """Join the beginning of the file with its beginning again, or with its end."""
    start = chance.randrange(len(data))
    return data[:start] + chance.choice([data, data[chance.randrange(len(data)) :]])


MUTATIONS: dict[str, Mutation] = {
    "truncate": truncate, "flip": flip, "flip head": flip_head, "overwrite": overwrite, "delete": delete,
    "repeat": repeat, "swap": swap, "extreme": extreme, "splice": splice,
}  # fmt: skip
