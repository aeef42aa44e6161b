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
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import _mutations, video

OUT = Path(__file__).parent / "out"
SECONDS = 2

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
        results = _mutations.run_all("benchmarks.fuzzing", _describe, seeds, options.files)
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
    from sightline.media import Overlay, StreamReport, annotate, probe, sample_frames, sound_blocks

    info, report = probe(path, max_seconds=600), StreamReport()
    for _ in sound_blocks(info):
        pass
    for _ in sample_frames(info, 10, [], report):
        pass
    annotate(info, Overlay(duration=info.duration), copy)
    copied = probe(copy)
    end = copied.duration + float(copied.origin)
    if abs(end - info.duration) > 0.3:
        raise AssertionError(f"the copy ends at {end:.2f} s, the source at {info.duration:.2f} s")
    return len(report.times), [*info.warnings, *report.warnings()]


def _flip_index(data: bytes, chance: random.Random) -> bytes:
    """Change bytes of MP4's index, wherever it is."""
    start = max(data.find(b"moov"), 0)
    changed = bytearray(data)
    for _ in range(chance.choice([1, 2, 5])):
        changed[start + chance.randrange(min(len(data) - start, 2500))] = chance.randrange(256)
    return bytes(changed)


MUTATIONS = {**_mutations.MUTATIONS, "flip index": _flip_index}


if __name__ == "__main__":
    main()
