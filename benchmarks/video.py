"""The overhead of ``process_video`` over its unavoidable work. Run by ``make bench``.

On a generated 60 s 1280x720 30 fps clip with speech, in one run:

- the ratio of the flow's time, with an existing transcript and a running Prefect server, to the sum of two times:
  ``ffmpeg``, which decodes the clip, draws a box and a text and encodes it with the flow's encoder settings; and
  MediaPipe's bare tracker on the sampled frames. Target: at most 1.2.
- the ratio of the flow's peak memory on a clip ten times as long to that on the short one. Target: at most 1.2.

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
_TRANSCRIPT = "WEBVTT\n\n" + "\n\n".join(
    f"{start // 60:02d}:{start % 60:02d}.000 --> {(start + 4) // 60:02d}:{(start + 4) % 60:02d}.000\n{text}"
    for start in range(0, 60, 10)
    for start, text in [(start, "John is happy." if start % 20 else "He looks surprised, and he is not sad.")]
)


def main() -> None:
    """Measure, print the ratios, and write the figures to ``benchmarks/out/video.json``."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--skip-long", action="store_true", help="skip the clip ten times as long")
    arguments.add_argument("--flow", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--tracker", type=Path, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.flow:
        print(json.dumps(_run_flow(options.flow)))
    elif options.tracker:
        print(json.dumps(_run_tracker(options.tracker)))
    else:
        _measure(options.rounds, with_long=not options.skip_long)


def _measure(rounds: int, *, with_long: bool) -> None:
    clip = _clip()
    figures: list[dict[str, Any]] = []
    with serve() as server:
        for number in range(rounds):
            ffmpeg = _run_ffmpeg(clip)
            tracker = _child("--tracker", clip, server)
            flow = _child("--flow", clip, server)
            ratio = flow["seconds"] / (ffmpeg + tracker["seconds"])
            figures.append({"ffmpeg": ffmpeg, "tracker": tracker["seconds"], "flow": flow, "ratio": ratio})
            print(
                f"round {number + 1}: ffmpeg {ffmpeg:.1f} s + tracker {tracker['seconds']:.1f} s "
                f"({tracker['frames']} frames), flow {flow['seconds']:.1f} s: {ratio:.2f}"
            )
            print("         " + ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in flow["timings"].items()))
        peak = statistics.median(figure["flow"]["peak_mib"] for figure in figures)
        result = {
            "ratio": statistics.median(figure["ratio"] for figure in figures),
            "peak_mib": peak,
            "rounds": figures,
        }
        print(f"\nflow over ffmpeg and tracker: {result['ratio']:.2f} (target 1.2)")
        print(f"peak memory of the flow's process: {peak:.0f} MiB")
        if with_long:
            long = _child("--flow", _longer(clip), server)
            result |= {"long_peak_mib": long["peak_mib"], "memory_ratio": long["peak_mib"] / peak}
            print(f"peak memory on a clip ten times as long: {long['peak_mib']:.0f} MiB ({long['seconds']:.0f} s)")
            print(f"peak memory, long over short: {result['memory_ratio']:.2f} (target 1.2)")
    (OUT / "video.json").write_text(json.dumps(result, indent=2))


def _clip() -> Path:
    from demo.clip import build_clip

    clip = OUT / "clip.mp4"
    if not clip.exists():
        OUT.mkdir(exist_ok=True)
        print("generating the clip ...", flush=True)
        speech = Path(__file__).parent.parent / "demo" / "speech.ogg"
        build_clip(clip.with_suffix(".part.mp4"), speech, seconds=60, size=(1280, 720)).rename(clip)
    return clip


def _longer(clip: Path) -> Path:
    long = clip.with_name("clip-long.mp4")
    if not long.exists():
        command = [_ffmpeg(), "-loglevel", "error", "-y", "-stream_loop", "9", "-i", str(clip), "-c", "copy", str(long)]
        subprocess.run(command, check=True)
    return long


def _run_ffmpeg(clip: Path) -> float:
    import matplotlib

    from sightline.media.annotate import ENCODER

    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    overlay = (
        "drawbox=x=0:y=ih-130:w=iw:h=130:color=black@0.6:t=fill,"
        f"drawtext=fontfile={font}:text='John is happy':x=20:y=h-100:fontsize=24:fontcolor=white"
    )
    encoder = [part for name, value in ENCODER.items() for part in (f"-{name}", value)]
    start = time.perf_counter()
    subprocess.run(
        [_ffmpeg(), "-loglevel", "error", "-y", "-i", str(clip), "-vf", overlay, "-c:v", "libx264", *encoder,
         "-c:a", "copy", "-movflags", "+faststart", str(OUT / "ffmpeg.mp4")],
        check=True,
    )  # fmt: skip
    return time.perf_counter() - start


def _ffmpeg() -> str:
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _run_tracker(clip: Path) -> dict[str, float]:
    import mediapipe as mp

    from sightline.media import probe, sample_frames

    seconds, frames = 0.0, 0
    with mp.solutions.pose.Pose(model_complexity=1, min_detection_confidence=0.5) as pose:
        for frame in sample_frames(probe(clip), POSE_FPS, []):
            start = time.perf_counter()
            pose.process(frame.rgb)
            seconds, frames = seconds + time.perf_counter() - start, frames + 1
    return {"seconds": seconds, "frames": frames}


def _run_flow(clip: Path) -> dict[str, Any]:
    from flows.process_video import process_video

    with tempfile.TemporaryDirectory() as name:
        transcript = Path(name) / "transcript.vtt"
        transcript.write_text(_TRANSCRIPT)
        start = time.perf_counter()
        result = process_video(
            str(clip), "bench", video_bucket=f"{name}/videos", patients_bucket=f"{name}/patients",
            transcript=str(transcript), pose_fps=POSE_FPS,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        timings = json.loads(Path(result.metadata_file).read_bytes())["timings"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak_mib": peak, "timings": timings}


def _child(option: str, clip: Path, server: BenchServer) -> dict[str, Any]:
    """Measure in a separate process: imports finish before the clock starts, and peak memory is not shared."""
    return run_child("benchmarks.video", [option, str(clip)], server)


if __name__ == "__main__":
    main()
