"""``make demo``: a clip is made, processed as a user would, and shown on a page. Nothing is downloaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from demo.clip import build_clip
from demo.page import write_page

HERE = Path(__file__).parent
OUT = HERE / "out"


def main() -> int:
    """Make everything under ``demo/out`` and say where each result lies."""
    videos = OUT / "videos"
    clip = videos / "ana" / "clip.mp4"
    if not clip.exists():
        clip.parent.mkdir(parents=True, exist_ok=True)
        print("Making a short clip ...", flush=True)
        build_clip(clip.with_suffix(".part.mp4"), HERE / "speech.ogg", seconds=17).rename(clip)
    command = [
        "process-video", str(clip), "--video-bucket", str(videos), "--patients-bucket", str(OUT / "patients"),
        "--transcriber", "pocketsphinx", "--highlights",
    ]  # fmt: skip
    print("sightline", *command, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "flows", *command, "--json"], stdout=subprocess.PIPE, check=False, text=True
    )
    if done.returncode:
        return done.returncode
    result = json.loads(done.stdout)
    page = OUT / "index.html"
    write_page(result, page)
    names = ("annotated_video", "highlights", "frames", "poses", "pose_folder", "track", "metadata_file", "csv")
    for name in names:
        print(f"  {name.replace('_', ' '):16} {result[name]}")
    print(f"\nAll of it side by side: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
