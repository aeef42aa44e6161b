"""The overhead of ``process_video`` over its unavoidable work. Run by ``make bench``.

On generated clips at 30 frames a second with speech - 60 s of 1280x720, 30 s of 1920x1080, and 10 s of an upright 4K
recording, which phones store on its side - in one run:

- the ratio of the flow's time, with an existing transcript and a running Prefect server, to the sum of two times:
  ``ffmpeg``, which decodes the clip, draws a box and a text and encodes it with the flow's encoder settings; and
  MediaPipe's bare tracker on the sampled frames. Target: at most 1.15;
- the same ratio of processor seconds, which other work on the machine changes little.

With ``--long``, on two hours of 320x180 at 15 frames a second, and on a tenth of it:

- the ratio of the flow's peak memory on the long clip to that on the short one, and that of the processor seconds per
  second of video. Target: at most 1.2.

The measurements of a round run in sequence; a ratio is the median over the ratios of the rounds.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._server import BenchServer, run_child, serve

OUT = Path(__file__).parent / "out"
POSE_FPS = 10.0
CLIPS = {"720p": (60, (1280, 720)), "1080p": (30, (1920, 1080)), "4K-upright": (10, (2160, 3840))}
"""Seconds and size, as displayed, by name."""


def main() -> None:
    """Measure, print the ratios, and write the figures to ``benchmarks/out/video.json``."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--clips", nargs="*", choices=CLIPS, default=list(CLIPS))
    arguments.add_argument("--long", action="store_true", help="measure two hours too, which takes half an hour")
    arguments.add_argument("--flow", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--tracker", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--ffmpeg", type=Path, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.flow:
        print(json.dumps(run_flow(options.flow)))
        return
    if options.tracker:
        print(json.dumps(_run_tracker(options.tracker)))
        return
    if options.ffmpeg:
        print(json.dumps(_run_ffmpeg(options.ffmpeg)))
        return
    OUT.mkdir(exist_ok=True)
    path = OUT / "video.json"
    figures: dict[str, Any] = json.loads(path.read_bytes()) if path.exists() else {}
    with serve() as server:
        for name in options.clips:
            figures[name] = _measure(name, _clip(name), options.rounds, server)
        if options.long:
            figures["long"] = _measure_long(server)
    path.write_text(json.dumps(figures, indent=2))


def _measure(name: str, clip: Path, rounds: int, server: BenchServer) -> dict[str, Any]:
    figures: list[dict[str, Any]] = []
    for number in range(rounds):
        ffmpeg = _run_ffmpeg(clip)
        tracker = _child("--tracker", clip, server)
        flow = _child("--flow", clip, server)
        ratio, processor = (flow[key] / (ffmpeg[key] + tracker[key]) for key in ("seconds", "processor_seconds"))
        figures.append(
            {"ffmpeg": ffmpeg, "tracker": tracker, "flow": flow, "ratio": ratio, "processor_ratio": processor}
        )
        print(
            f"{name}, round {number + 1}: ffmpeg {ffmpeg['seconds']:.1f} s + tracker {tracker['seconds']:.1f} s "
            f"({tracker['frames']} frames), flow {flow['seconds']:.1f} s: {ratio:.2f}"
        )
        print(
            f"         processor: ffmpeg {ffmpeg['processor_seconds']:.1f} s + tracker "
            f"{tracker['processor_seconds']:.1f} s, flow {flow['processor_seconds']:.1f} s: {processor:.2f}"
        )
        print("         " + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in flow["timings"].items()))
    ratio, processor = (statistics.median(figure[key] for figure in figures) for key in ("ratio", "processor_ratio"))
    peak = statistics.median(figure["flow"]["peak_mib"] for figure in figures)
    print(f"{name}: flow over ffmpeg and tracker: {ratio:.2f} (target 1.15), of processor seconds {processor:.2f}")
    print(f"{name}: peak memory {peak:.0f} MiB\n", flush=True)
    return {"ratio": ratio, "processor_ratio": processor, "peak_mib": peak, "rounds": figures}


def _measure_long(server: BenchServer) -> dict[str, Any]:
    short, long = (_child("--flow", clip, server) for clip in (_looped(1), _looped(10)))
    result = {
        "memory_ratio": long["peak_mib"] / short["peak_mib"],
        "processor_ratio": long["processor_seconds"] / short["processor_seconds"] / 10,
        "short": short,
        "long": long,
    }
    print(
        f"two hours: {long['seconds']:.0f} s, peak memory {long['peak_mib']:.0f} MiB; a tenth: {short['seconds']:.0f} s"
    )
    print(f"peak memory, long over short: {result['memory_ratio']:.2f} (target 1.2)")
    print(f"processor seconds per second of video, long over short: {result['processor_ratio']:.2f} (target 1.2)")
    return result


def _clip(name: str) -> Path:
    seconds, size = CLIPS[name]
    clip = OUT / f"clip-{name}.mp4"
    if not clip.exists():
        part = _build(clip.with_suffix(".part.mp4"), seconds, size)
        if size[1] > size[0]:  # as phones store an upright recording
            turned = clip.with_suffix(".turned.mp4")
            _ffmpeg("-i", part, "-vf", "transpose=cclock", "-preset", "veryfast", "-crf", "20", "-c:a", "copy", turned)
            _ffmpeg("-display_rotation", "-90", "-i", turned, "-c", "copy", part)
            turned.unlink()
        part.rename(clip)
    return clip


def _looped(times: int) -> Path:
    """Return a clip of 12 minutes, repeated."""
    base, looped = OUT / "clip-long-1.mp4", OUT / f"clip-long-{times}.mp4"
    if not base.exists():
        _build(base.with_suffix(".part.mp4"), 720, (320, 180), rate=15).rename(base)
    if not looped.exists():
        _ffmpeg("-stream_loop", str(times - 1), "-i", base, "-c", "copy", looped)
    return looped


def _build(path: Path, seconds: float, size: tuple[int, int], rate: int = 30) -> Path:
    from demo.clip import build_clip

    print("generating a clip ...", flush=True)
    speech = Path(__file__).parent.parent / "demo" / "speech.ogg"
    return build_clip(path, speech, seconds=seconds, size=size, rate=rate)


def _run_ffmpeg(clip: Path) -> dict[str, float]:
    import matplotlib

    from sightline.media.annotate import ENCODER

    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    overlay = (
        "drawbox=x=0:y=ih-130:w=iw:h=130:color=black@0.6:t=fill,"
        f"drawtext=fontfile={font}:text='John is happy':x=20:y=h-100:fontsize=24:fontcolor=white"
    )
    encoder = [part for name, value in ENCODER.items() for part in (f"-{name}", value)]
    start, processor = time.perf_counter(), _children_seconds()
    _ffmpeg(
        "-i", clip, "-vf", overlay, "-c:v", "libx264", *encoder, "-c:a", "copy", "-movflags", "+faststart",
        OUT / "ffmpeg.mp4",
    )  # fmt: skip
    return {"seconds": time.perf_counter() - start, "processor_seconds": _children_seconds() - processor}


def _children_seconds() -> float:
    """Return the processor seconds of the child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _ffmpeg(*arguments: str | Path) -> None:
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True)


def _run_tracker(clip: Path) -> dict[str, float]:
    import mediapipe as mp

    from sightline.media import probe, sample_frames

    seconds, processor, frames = 0.0, 0.0, 0
    with mp.solutions.pose.Pose(model_complexity=1, min_detection_confidence=0.5) as pose:
        for frame in sample_frames(probe(clip), POSE_FPS, []):
            start, before = time.perf_counter(), time.process_time()
            pose.process(frame.rgb)
            processor += time.process_time() - before
            seconds, frames = seconds + time.perf_counter() - start, frames + 1
    return {"seconds": seconds, "processor_seconds": processor, "frames": frames}


def transcript(seconds: float) -> str:
    """Return a cue of 4 s for every 10 s of the first minute."""
    cues = [
        f"00:{start:02d}.000 --> 00:{start + 4:02d}.000\n{text}"
        for start in range(0, min(60, int(seconds) - 4), 10)
        for text in ["John is happy." if start % 20 else "He looks surprised, and he is not sad."]
    ]
    return "\n\n".join(["WEBVTT", *cues])


def run_flow(clip: Path) -> dict[str, Any]:
    from flows.process_video import process_video
    from flows.video_results import VideoResult
    from sightline.media import probe

    duration = probe(clip).duration
    with tempfile.TemporaryDirectory() as name:
        words = Path(name) / "transcript.vtt"
        words.write_text(transcript(duration))
        start, processor = time.perf_counter(), time.process_time()
        result = process_video(
            str(clip), "bench", video_bucket=f"{name}/videos", patients_bucket=f"{name}/patients",
            transcript=str(words), pose_fps=POSE_FPS,
        )  # fmt: skip
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
        assert isinstance(result, VideoResult)
        timings = json.loads(Path(result.metadata_file).read_bytes())["timings"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "processor_seconds": processor, "peak_mib": peak, "timings": timings}


def _child(option: str, clip: Path, server: BenchServer) -> dict[str, Any]:
    """Measure in a separate process: imports finish before the clock starts, and peak memory is not shared."""
    return run_child("benchmarks.video", [option, str(clip)], server)


if __name__ == "__main__":
    main()
