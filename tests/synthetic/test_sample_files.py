from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

FOLDER = Path(__file__).parents[2] / "sample_data"
NAMES = sorted(path.stem for path in FOLDER.glob("*.png"))


@pytest.fixture(scope="module")
def drawn_again(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    script = FOLDER / "make_samples.py"
    scope = {"__name__": "make_samples", "__file__": str(script)}
    exec(compile(script.read_text(encoding="utf-8"), script, "exec"), scope)
    scope["make_samples"](folder)
    return folder


def test_there_are_samples_and_no_others(drawn_again):
    assert len(NAMES) >= 3
    assert sorted(path.stem for path in drawn_again.glob("*.png")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_command_draws_what_is_stored(drawn_again, name):
    stored, drawn = (
        np.asarray(Image.open(folder / f"{name}.png")).astype(int)
        for folder in (FOLDER, drawn_again)
    )
    # Another processor may round a little differently.
    assert np.mean(np.abs(stored - drawn) > 1) < 0.01
    for plane in ("nucleus", "cytoplasm", "class"):
        stored, drawn = (
            tifffile.imread(folder / f"{name}_{plane}.tif")
            for folder in (FOLDER, drawn_again)
        )
        assert np.mean(stored != drawn) < 0.01


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_small(name):
    assert (FOLDER / f"{name}.png").stat().st_size <= 400_000
