"""How long a user waits before anything happens."""

import subprocess
import sys
import time
from pathlib import Path

REPEATS = 7
MAX_RATIO = 6.0


def best_seconds(command: list[str]) -> float:
    """Shortest of several runs, which the machine's other work disturbs least."""
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def test_help_costs_little_more_than_numpy() -> None:
    numpy = best_seconds([sys.executable, "-c", "import numpy"])
    leukoseg = str(Path(sys.executable).with_name("leukoseg"))
    own = best_seconds([leukoseg, "--help"])
    print(f"\nleukoseg --help {own:.3f} s, import numpy {numpy:.3f} s")
    print(f"ratio {own / numpy:.2f}")
    assert own <= MAX_RATIO * numpy
