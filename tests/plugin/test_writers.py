"""napari's Save writes our layers in our formats, and leaves others alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from napari.layers import Labels
from PIL import Image

from napari_leukoseg.case import Case
from napari_leukoseg.errors import ExportError
from napari_leukoseg.plugin import export_targets, writers
from napari_leukoseg.plugin.readers import read_case
from napari_leukoseg.plugin.writers import FORMATS, write_labels

if TYPE_CHECKING:
    from pathlib import Path

    from napari import Viewer

    from napari_leukoseg.plugin.pictures import LayerData


@pytest.fixture
def layers(drawn_case: Path) -> list[LayerData]:
    """Labels layers of the case, as napari hands them over."""
    return [layer for layer in read_case(drawn_case, []) if layer[2] == "labels"]


@pytest.fixture
def headless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is to be drawn meanwhile."""
    monkeypatch.setattr(writers.QCoreApplication, "instance", lambda: None)


@pytest.mark.usefixtures("headless")
@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_by_its_ending(
    drawn_case: Path, layers: list[LayerData], tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"saved{ending.upper() if ending == '.csv' else ending}"
    for _ in range(2):  # napari has asked whether to replace it
        written = write_labels(str(path), layers[:1])
    if ending == ".png":
        names = {f"saved_{part}.png" for part in ("cell", "nucleus", "cytoplasm")}
        assert {str(tmp_path / name) for name in names} == set(written)
    else:
        assert written == [str(path)]
        assert path.exists()
    if ending == ".csv":
        with Case.open(drawn_case) as case:
            ids = case.table()["cell_id"].tolist()
        assert pd.read_csv(path)["cell_id"].tolist() == ids


def test_save_selected_layers(
    viewer: Viewer, layers: list[LayerData], tmp_path: Path
) -> None:
    for data, attributes, _ in layers:
        viewer.add_layer(Labels(data, **attributes))
    nucleus = viewer.layers["nucleus"].data
    (path,) = viewer.layers.save(str(tmp_path / "all.ome.tif"))
    np.testing.assert_array_equal(tifffile.imread(path, series=0), nucleus)
    viewer.layers.selection = {viewer.layers["nucleus"]}
    paths = viewer.layers.save(str(tmp_path / "mask.png"), selected=True)
    with Image.open(paths[1]) as picture:
        np.testing.assert_array_equal(np.asarray(picture) > 0, nucleus > 0)


def test_plain_tiff_stays_with_napari(
    viewer: Viewer, layers: list[LayerData], tmp_path: Path
) -> None:
    data, attributes, _ = layers[0]
    viewer.add_layer(Labels(data, **attributes))
    (path,) = viewer.layers.save(str(tmp_path / "plain.tif"))
    assert tifffile.imread(path).shape == data.shape


def test_failures_are_sentences(
    viewer: Viewer, layers: list[LayerData], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written to"):
        write_labels(str(tmp_path / "file" / "x.csv"), layers)
    stranger: Any = (layers[0][0], {"metadata": {}}, "labels")
    for chosen in ([stranger], [layers[0], stranger], []):
        with pytest.raises(ExportError, match="not all of one LeukoSeg case"):
            write_labels(str(tmp_path / "x.csv"), chosen)
    with pytest.raises(ExportError, match="does not tell a format"):
        write_labels(str(tmp_path / "x.xyz"), layers)


def test_menu_and_writers_know_every_format() -> None:
    from napari_leukoseg.export import ExportFormat
    from napari_leukoseg.export.jobs import REPORT

    targets = {target.to: target for target in export_targets.TARGETS}
    assert set(targets) == {f.value for f in ExportFormat}
    for name, target in targets.items():
        assert target.is_folder == ExportFormat(name).is_folder
        assert target.needs_slide == ExportFormat(name).needs_slide
    assert export_targets.REPORT == REPORT
    assert set(FORMATS.values()) == {f.value for f in ExportFormat if not f.needs_slide}
