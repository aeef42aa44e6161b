"""Mutated video files: each ends in a result or in a refusal that names the file. Run with ``--files 2000``.

Small videos of every container are truncated, overwritten, cut, repeated and spliced; bytes are flipped, boxes swapped,
and sizes set to extremes. Each is probed, listened to, decoded and annotated. The counts are printed: *result* (with
or without a warning), *silent loss* (a result without a warning that misses more than 2 % of the frames), *refused*
(by :class:`~sightline.errors.InvalidMedia`), *error* (any other exception), *crash* and *hang*. The last three and
silent losses are to be 0; the numbers of such files are printed, and ``--only N`` repeats one.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from benchmarks import video

OUT = Path(__file__).parent / "out"
SECONDS = 2
HANG = 120.0
"""Seconds for one file, which usually takes a fraction of one."""

PICTURE = ("-f", "lavfi", "-i", f"testsrc2=size=128x96:rate=25:duration={SECONDS}")
SOUND = ("-f", "lavfi", "-i", f"sine=frequency=440:duration={SECONDS}")
SEEDS: dict[str, tuple[str, ...]] = {
    "h264.mp4": ("-c:v", "libx264", "-c:a", "aac"),
    "start.mp4": ("-c:v", "libx264", "-c:a", "aac", "-movflags", "+faststart"),
    "fragments.mp4": ("-c:v", "libx264", "-g", "12", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
    "hevc.mp4": ("-c:v", "libx265", "-x265-params", "log-level=none", "-c:a", "aac"),
    "mjpeg.mov": ("-c:v", "mjpeg", "-c:a", "pcm_s16le"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-bf", "2", "-c:a", "libmp3lame"),
    "mjpeg.avi": ("-c:v", "mjpeg", "-c:a", "pcm_s16le", "-ac", "2"),
    "h264.mkv": ("-c:v", "libx264", "-c:a", "libopus"),
    "ffv1.mkv": ("-c:v", "ffv1", "-c:a", "flac"),
    "live.mkv": ("-c:v", "libx264", "-c:a", "aac", "-live", "1"),
    "vp8.webm": ("-c:v", "libvpx", "-c:a", "libvorbis"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus"),
    "flv1.flv": ("-c:v", "flv", "-c:a", "libmp3lame"),
    "h264.flv": ("-c:v", "libx264", "-c:a", "aac"),
}
"""Options of FFmpeg by file name."""

BAD = ("silent loss", "error", "crash", "hang")


def main() -> None:
    """Run the files on two processes, print the counts, and write them to ``benchmarks/out/fuzzing.json``."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--files", type=int, default=2000)
    arguments.add_argument("--only", type=int, help="the number of one file")
    arguments.add_argument("--seeds", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--numbers", type=int, nargs=2, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.numbers:
        _work(options.seeds, range(*options.numbers))
        return
    with tempfile.TemporaryDirectory(prefix="sightline-fuzzing-") as name:
        seeds = _write_seeds(Path(name))
        if options.only is not None:
            print(json.dumps(_outcome(seeds, options.only, Path(name)), indent=2))
            return
        results = _run_all(seeds, options.files)
    counts = Counter(result["outcome"] for result in results)
    OUT.mkdir(exist_ok=True)
    (OUT / "fuzzing.json").write_text(json.dumps({"counts": counts, "results": results}, indent=1))
    print(f"{len(results)} mutated files: " + ", ".join(f"{counts[name]} {name}" for name in sorted(counts)))
    reasons = Counter(result["detail"] for result in results if result["outcome"] == "refused")
    for reason, count in reasons.most_common():
        print(f"  refused {count}: {reason}")
    bad = [result for result in results if result["outcome"] in BAD]
    for result in bad:
        print("  {outcome}: --only {number} ({file}, {change}) {detail}".format(**result))
    sys.exit(bool(bad))


def _write_seeds(folder: Path) -> Path:
    for name, options in SEEDS.items():
        video._ffmpeg(*PICTURE, *SOUND, *options, folder / name)
    return folder


def _run_all(seeds: Path, files: int) -> list[dict[str, Any]]:
    halves = [(0, files // 2), (files // 2, files)]
    results: list[list[dict[str, Any]]] = [[], []]
    threads = [
        threading.Thread(target=lambda part, into: into.extend(_run_part(seeds, *part)), args=(part, into))
        for part, into in zip(halves, results, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results[0] + results[1]


def _run_part(seeds: Path, start: int, stop: int) -> list[dict[str, Any]]:
    """Run the files in a child process; a file that kills or stops it is recorded, and a new process continues."""
    results: list[dict[str, Any]] = []
    while start < stop:
        command = [
            sys.executable,
            "-m",
            "benchmarks.fuzzing",
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
            file, change = _describe(start)
            results.append(
                {"number": start, "file": file, "change": change, "outcome": outcome, "detail": str(child.returncode)}
            )
            start += 1
    return results


def _read_lines(stream: Any, lines: Queue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


def _work(seeds: Path, numbers: range) -> None:
    with tempfile.TemporaryDirectory(prefix="sightline-fuzzing-") as folder:
        for number in numbers:
            print(json.dumps(_outcome(seeds, number, Path(folder))), flush=True)


def _describe(number: int) -> tuple[str, str]:
    chance = random.Random(number)
    return chance.choice(sorted(SEEDS)), chance.choice(sorted(MUTATIONS))


def _outcome(seeds: Path, number: int, folder: Path) -> dict[str, Any]:
    """Process one mutated file."""
    from sightline.errors import InvalidMedia

    file, change = _describe(number)
    path = folder / f"mutated-{file}"
    chance = random.Random(f"{number} {change}")
    path.write_bytes(MUTATIONS[change]((seeds / file).read_bytes(), chance))
    result = {"number": number, "file": file, "change": change, "detail": ""}
    try:
        frames, warnings = _process(path, folder / "copy.mp4")
    except InvalidMedia as error:
        reason = re.sub(r"\d+(\.\d+)?", "N", error.reason)
        return result | {"outcome": "refused", "detail": re.sub(r"(N-N s, )*N-N s( and N more)?", "N s", reason)}
    except Exception as error:
        return result | {"outcome": "error", "detail": f"{type(error).__name__}: {error}"}
    if warnings:
        return result | {"outcome": "result with a warning", "detail": "; ".join(warnings)}
    if frames < 0.98 * 25 * SECONDS and frames < (expected := _frames_of_ffmpeg(path)) - 1:
        return result | {"outcome": "silent loss", "detail": f"{frames} frames, FFmpeg decodes {expected}"}
    return result | {"outcome": "result"}


def _frames_of_ffmpeg(path: Path) -> int:
    """Return the number of frames that FFmpeg's command line decodes."""
    import imageio_ffmpeg

    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-i",
        path,
        "-map",
        "0:v:0",
        "-fps_mode",
        "passthrough",
        "-f",
        "null",
        "-",
    ]
    log = subprocess.run(command, capture_output=True, check=False, text=True, errors="replace").stderr
    return int((re.findall(r"frame=\s*(\d+)", log) or ["0"])[-1])


def _process(path: Path, copy: Path) -> tuple[int, list[str]]:
    """Do what the flow does with a video, without the models; return the number of frames, and the warnings."""
    from sightline.media import Overlay, StreamReport, annotate, probe, read_audio, sample_frames

    info, report = probe(path, max_seconds=600), StreamReport()
    read_audio(info)
    for _ in sample_frames(info, 10, [], report):
        pass
    annotate(info, Overlay(duration=info.duration), copy)
    copied = probe(copy)
    end = copied.duration + float(copied.origin)
    if abs(end - info.duration) > 0.3:
        raise AssertionError(f"the copy ends at {end:.2f} s, the source at {info.duration:.2f} s")
    return len(report.times), [*info.warnings, *report.warnings()]


def _truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 3, 10, 100])):
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _flip_head(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice([1, 2, 5])):
        changed[chance.randrange(min(len(data), 600))] = chance.randrange(256)
    return bytes(changed)


def _flip_index(data: bytes, chance: random.Random) -> bytes:
    """Change bytes of MP4's index, wherever it is."""
    start = max(data.find(b"moov"), 0)
    changed = bytearray(data)
    for _ in range(chance.choice([1, 2, 5])):
        changed[start + chance.randrange(min(len(data) - start, 2500))] = chance.randrange(256)
    return bytes(changed)


def _overwrite(data: bytes, chance: random.Random) -> bytes:
    start, size = chance.randrange(len(data)), chance.choice([20, 500, 5000, 50_000])
    junk = chance.choice([bytes(size), b"\xff" * size, chance.randbytes(size)])
    return (data[:start] + junk + data[start + size :])[: len(data)]


def _delete(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.choice([1, 100, 5000]) :]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[max(0, start - chance.choice([1, 100, 5000])) :]


def _swap(data: bytes, chance: random.Random) -> bytes:
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


def _extreme(data: bytes, chance: random.Random) -> bytes:
    """Set a number of two to eight bytes to an extreme."""
    size = chance.choice([2, 4, 8])
    start = chance.randrange(min(len(data), chance.choice([300, 3000, len(data)])))
    value = chance.choice([bytes(size), b"\xff" * size, b"\x7f" + b"\xff" * (size - 1), b"\x80" + bytes(size - 1)])
    return (data[:start] + value + data[start + size :])[: len(data)]


def _splice(data: bytes, chance: random.Random) -> bytes:
    """Join the beginning of the file with its beginning again, or with its end."""
    start = chance.randrange(len(data))
    return data[:start] + chance.choice([data, data[chance.randrange(len(data)) :]])


MUTATIONS = {
    "truncate": _truncate, "flip": _flip, "flip head": _flip_head, "flip index": _flip_index, "overwrite": _overwrite,
    "delete": _delete, "repeat": _repeat, "swap": _swap, "extreme": _extreme, "splice": _splice,
}  # fmt: skip


if __name__ == "__main__":
    main()
