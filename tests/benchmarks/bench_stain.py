"""Stain standardization beside torchstain, and the preview of the Stain page.

All in one run and in turn, best of a few, since machines differ and are shared.
torchstain's own way is followed: fit to a reference, then normalize a field.
"""

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torchstain

from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.stain_bench import StainBench, make_step
from napari_leukoseg.stain import Variant, find_reference, make_normalizer
from napari_leukoseg.synthetic import Smear, SmearSettings, write_field

SHAPE = (1536, 2048)
VIEW = Region(200, 300, 800, 1000)
REPEATS = 3
PREVIEW_S = 0.15
TIMES_NUMPY, TIMES_TORCH = 5.0, 2.0


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    """Return a drawn field with the noise of a camera, of many colors."""
    settings = SmearSettings(SHAPE, seed=3, white_cell_fraction=0.05)
    image = Smear(settings).draw().image
    noise = np.random.default_rng(0).normal(0, 2, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def best(*works: Callable[[], object]) -> list[float]:
    """Return the shortest time of each work, done in turn."""
    times = [[] for _ in works]
    for _ in range(REPEATS):
        for work, own in zip(works, times, strict=True):
            began = time.perf_counter()
            work()
            own.append(time.perf_counter() - began)
    return [min(own) for own in times]


@pytest.mark.parametrize("method", ["macenko", "reinhard"])
def test_speed_beside_torchstain(field: np.ndarray, method: str) -> None:
    reference = field[:512, :512]
    tensor = torch.from_numpy(field.transpose(2, 0, 1).copy())
    target = torch.from_numpy(reference.transpose(2, 0, 1).copy())
    ours = make_normalizer(method, Variant.PUBLISHED).fit(reference)
    is_macenko = method == "macenko"
    kind = "MacenkoNormalizer" if is_macenko else "ReinhardNormalizer"
    in_numpy, in_torch = (
        getattr(torchstain.normalizers, kind)(backend=backend)
        for backend in ("numpy", "torch")
    )
    in_numpy.fit(reference)
    in_torch.fit(target if is_macenko else tensor[:, :512, :512])
    more = {"stains": False} if is_macenko else {}
    mine, numpys, torchs = best(
        lambda: ours.transform(field),
        lambda: in_numpy.normalize(field, **more),
        lambda: in_torch.normalize(tensor, **more),
    )
    print(f"\n{method}: {mine:.2f} s, torchstain {numpys:.2f} and {torchs:.2f} s")
    assert mine * TIMES_NUMPY <= numpys
    assert mine * TIMES_TORCH <= torchs


@pytest.mark.parametrize("method", ["reinhard", "macenko", "vahadane", "histogram"])
def test_preview_is_quick(method: str, tmp_path) -> None:
    path = tmp_path / "field.png"
    settings = SmearSettings(SHAPE, seed=3, white_cell_fraction=0.05)
    for _ in write_field(path, settings):
        pass
    bench, look = StainBench(path), find_reference("jtsc")
    times = []
    for shift in range(REPEATS):  # another view each time, as when panning
        step = bench.with_source(make_step(method, "smear", look, 1.0))
        region = VIEW.shifted(60 * shift, 60 * shift)
        began = time.perf_counter()
        bench.stained(step, region, 1.0, bench.read(region, 1.0))
        times.append(time.perf_counter() - began)
    bench.close()
    print(f"\n{method}: first view {times[0]:.3f} s, next {min(times[1:]):.3f} s")
    assert min(times) <= PREVIEW_S
