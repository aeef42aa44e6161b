"""Writing the video of a case with FFmpeg.

The picture moves, has no symmetry and flashes white from second 1.0 to 1.2. The sound has another pitch and level in
every channel, and a beep at the same time as the flash.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.sightline.media.conformance.boxes import patch_edits, patch_matrix
from tests.sightline.media.conformance.case import Case
from tests.sightline.media.conformance.values import (
    AUDIOS,
    CONTAINERS,
    GEOMETRIES,
    LAYOUTS,
    TIMINGS,
    VIDEOS,
)

BEEP_HERTZ = 1000
_GOP = 12


class NotWritten(Exception):
    """FFmpeg cannot write the combination."""


def generate(case: Case, folder: Path) -> Path:
    """Write the video of ``case`` into ``folder`` and return its path. Raises :class:`NotWritten`."""
    container, geometry, timing = CONTAINERS[case.container], GEOMETRIES[case.geometry], TIMINGS[case.timing]
    path = folder / f"clip{container.suffix}"
    if geometry.resized is not None:
        _write_resized(case, folder, path)
    elif geometry.aspect or timing.cut is not None:
        whole = folder / f"whole{container.suffix}"
        _ffmpeg([*_inputs(case, folder), *_outputs(case)], case, whole)
        seek = [] if timing.cut is None else ["-ss", str(timing.cut)]
        aspect = ["-aspect:v:0", geometry.aspect] if geometry.aspect else []
        flags = [word for index in range(len(timing.default)) for word in _flag(index, timing.default)]
        _ffmpeg([*seek, "-i", str(whole), "-map", "0", "-c", "copy", *aspect, *flags], case, path)
    else:
        _ffmpeg([*_inputs(case, folder), *_outputs(case)], case, path)
    if geometry.matrix:
        patch_matrix(path, geometry.matrix)
    if timing.ends is not None:
        patch_edits(path, timing.ends)
    return path


def run(arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Run ``ffmpeg`` or ``ffprobe`` without input; the caller checks the exit status."""
    return subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=120)


def _ffmpeg(arguments: Sequence[str], case: Case, path: Path) -> None:
    container = CONTAINERS[case.container]
    head = ["ffmpeg", "-hide_banner", "-v", "error", "-y", "-filter_threads", "1"]
    tail = ["-threads", "1", "-strict", "-2", *container.options, "-f", container.muxer]
    result = run([*head, *arguments, *tail, "pipe:1" if container.live else str(path)])
    if result.returncode:
        raise NotWritten(f"{case.id}: {result.stderr.decode(errors='replace').strip()[-500:]}")
    if container.live:
        path.write_bytes(result.stdout)


def picture(size: tuple[int, int], rate: str, seconds: float, first: float = 0.0) -> str:
    """Return the description of the picture from second ``first`` as FFmpeg's lavfi input."""
    width, height = size
    mark = f"drawbox=x={width // 10}:y={height // 15}:w={width // 5}:h={height // 6}:c=red:t=fill"
    # Without the blur, the comparison would depend on how colour planes of half size are enlarged.
    return (
        f"testsrc2=size={width}x{height}:rate={rate}:duration={seconds},{mark},gblur=sigma=1.5,"
        f"drawbox=c=white:t=fill:enable='between(t,0.999,1.199)',trim=start={first}"
    )


def sound(layout: str, rate: int, seconds: float, beep: float = 1.0) -> str:
    """Return the description of the sound, with its beep at second ``beep``, as FFmpeg's lavfi input."""
    channels = []
    for index, name in enumerate(LAYOUTS[layout].split("+")):
        if name == "LFE":
            channels.append("0.2*sin(2*PI*60*t)")
            continue
        tone = f"{0.05 - 0.005 * index:.3f}*sin(2*PI*{300 + 100 * index}*t)"
        channels.append(f"{tone}+{0.2 + 0.2 * (index % 2)}*between(t,{beep},{beep + 0.2})*sin(2*PI*{BEEP_HERTZ}*t)")
    expressions = "|".join(channels)
    return f"aevalsrc=exprs='{expressions}':channel_layout={layout}:sample_rate={rate}:duration={seconds}"


def _size(case: Case) -> tuple[int, int]:
    return GEOMETRIES[case.geometry].size or VIDEOS[case.video].size


def _inputs(case: Case, folder: Path) -> list[str]:
    timing = TIMINGS[case.timing]
    source = picture(_size(case), timing.rate, timing.seconds)
    arguments = ["-itsoffset", str(timing.video_offset), "-f", "lavfi", "-i", source]
    if case.audio != "none":
        seconds = timing.audio_seconds or timing.seconds
        # The track that FFmpeg should not choose beeps at another time.
        chosen = timing.default.index(True) if any(timing.default) else 0
        for index in range(max(1, len(timing.default))):
            source = sound(case.layout, case.rate, seconds, beep=1.0 if index == chosen else 0.4)
            arguments += ["-itsoffset", str(timing.audio_offset), "-f", "lavfi", "-i", source]
    if timing.extra == "subtitle":
        (folder / "long.srt").write_text(
            "1\n00:00:00,500 --> 00:00:01,500\nOne\n\n2\n00:00:08,000 --> 00:00:14,000\nTwo\n"
        )
        arguments += ["-i", str(folder / "long.srt")]
    if timing.extra == "cover":
        arguments += ["-f", "lavfi", "-i", "color=blue:size=320x320,trim=end_frame=1"]
    return arguments


def _outputs(case: Case) -> list[str]:
    container, timing = CONTAINERS[case.container], TIMINGS[case.timing]
    tracks = 0 if case.audio == "none" else max(1, len(timing.default))
    arguments = ["-map", "0:v", *_encoder(case), *timing.options]
    for index in range(tracks):
        arguments += ["-map", f"{1 + index}:a", *_flag(index, timing.default)]
    audio = AUDIOS[case.audio]
    if audio is not None:
        arguments += ["-c:a", audio.encoder, *audio.options]
        arguments += ["-af", timing.audio_filter] if timing.audio_filter else []
    if timing.default and container.muxer in ("matroska", "webm"):
        arguments += ["-default_mode", "passthrough"]
    if timing.extra == "subtitle":
        codec = {"mp4": "mov_text", "mov": "mov_text", "webm": "webvtt"}.get(container.muxer, "srt")
        arguments += ["-map", f"{1 + tracks}:s", "-c:s", codec]
    if timing.extra == "cover":
        arguments += ["-map", f"{1 + tracks}:v", "-c:v:1", "mjpeg", "-pix_fmt:v:1", "yuvj420p"]
        arguments += ["-disposition:v:1", "attached_pic"]
    return arguments


def _flag(index: int, default: tuple[bool, ...]) -> list[str]:
    return [f"-disposition:a:{index}", "default" if default[index] else "0"] if default else []


def _encoder(case: Case) -> list[str]:
    video, geometry, timing = VIDEOS[case.video], GEOMETRIES[case.geometry], TIMINGS[case.timing]
    filters = [*timing.filters, *geometry.filters]
    arguments = ["-c:v:0", video.encoder, "-g", str(_GOP), *video.options]
    if video.pixels:
        arguments += ["-pix_fmt:v:0", video.pixels]
    if filters:
        arguments += ["-filter:v:0", ",".join(filters)]
    if timing.variable:
        arguments += ["-fps_mode:v:0", "passthrough", "-enc_time_base:v:0", "1:1000"]
    if bsf := ",".join(name for name in (geometry.bsf, timing.bsf) if name):
        arguments += ["-bsf:v:0", bsf]
    return arguments


def _write_resized(case: Case, folder: Path, path: Path) -> None:
    """Write two halves of different size, as a conference does when the connection gets worse, and join them."""
    video, geometry, timing = VIDEOS[case.video], GEOMETRIES[case.geometry], TIMINGS[case.timing]
    assert geometry.resized is not None
    names = []
    for number, scale in enumerate((1.0, geometry.resized)):
        size = tuple(round(length * scale / 2) * 2 for length in video.size)
        source = picture((size[0], size[1]), timing.rate, 1.0 + number, first=float(number)) + ",setpts=PTS-STARTPTS"
        part = folder / f"part{number}.{'h264' if 'h264' in case.video else 'mkv'}"
        names.append(part)
        options = ["-c:v", video.encoder, "-g", str(_GOP), *video.options, "-pix_fmt", str(video.pixels)]
        result = run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", source, *options, "-threads", "1", str(part)])
        if result.returncode:
            raise NotWritten(f"{case.id}: {result.stderr.decode(errors='replace')[-500:]}")
    if "h264" in case.video:  # Annex B holds the parameters of every half; the concat demuxer would drop them.
        joined = folder / "joined.h264"
        joined.write_bytes(b"".join(part.read_bytes() for part in names))
        arguments = ["-r", timing.rate, "-i", str(joined)]
    else:
        (folder / "parts.txt").write_text("".join(f"file '{part}'\n" for part in names))
        arguments = ["-f", "concat", "-safe", "0", "-i", str(folder / "parts.txt")]
    maps = ["-map", "0:v"]
    audio = AUDIOS[case.audio]
    if audio is not None:
        arguments += ["-f", "lavfi", "-i", sound(case.layout, case.rate, timing.seconds)]
        maps += ["-map", "1:a", "-c:a", audio.encoder, *audio.options]
    _ffmpeg([*arguments, *maps, "-c:v", "copy"], case, path)
