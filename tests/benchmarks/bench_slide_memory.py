"""Whole slides of growing size: time, and a peak memory that does not grow."""

import subprocess
import sys
import time
from pathlib import Path

import psutil

from napari_leukoseg.synthetic import SmearSettings, write_slide

SIDES = (10_000, 20_000, 30_000)
MAX_MEMORY = 2e9
MAX_GROWTH = 1.15
CELL_PX = 60.0


def run_and_watch(command: list[str]) -> tuple[float, int]:
    """Seconds of a command, and the largest memory that its process held."""
    began, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                peak = max(peak, watched.memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(0.05)
    assert process.returncode == 0
    return time.perf_counter() - began, peak


def test_memory_does_not_grow_with_the_slide(tmp_path: Path) -> None:
    peaks = []
    leukoseg = str(Path(sys.executable).with_name("leukoseg"))
    for side in SIDES:
        path = tmp_path / f"slide-{side}.tif"
        settings = SmearSettings((side, side), seed=1, cell_diameter_px=CELL_PX)
        for _ in write_slide(path, settings):
            pass
        command = [leukoseg, "segment", str(path), "--out", str(tmp_path / "out")]
        seconds, peak = run_and_watch(command)
        print(f"\n{side} x {side}: {seconds:.0f} s, peak {peak / 1e9:.2f} GB")
        peaks.append(peak)
        path.unlink()
    assert max(peaks) <= MAX_MEMORY
    assert peaks[-1] <= MAX_GROWTH * peaks[0]
