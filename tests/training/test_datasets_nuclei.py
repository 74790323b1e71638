"""NuInsSeg and MoNuSeg: nuclei of tissue, and nothing said of cells."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_leukoseg.errors import DataError
from napari_leukoseg.training.datasets import load_dataset
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_NUCLEUS,
    NOT_NUCLEUS,
    UNKNOWN_INSTANCE,
    Target,
)

Save = Callable[[Path, np.ndarray], None]

TISSUE = np.full((60, 80, 3), 200, np.uint8)


def test_nuinsseg_leaves_open_what_nobody_could_judge(
    tmp_path: Path, save: Save
) -> None:
    organ = tmp_path / "human bladder"
    labels = np.zeros((60, 80), np.uint16)
    labels[10:30, 10:30], labels[40:55, 40:55], labels[5:9, 60:70] = 3, 300, 3
    unclear = np.zeros((60, 80), np.uint8)
    unclear[35:] = 255
    save(organ / "tissue images" / "human_bladder_01.png", TISSUE)
    (organ / "label masks modify").mkdir()
    tifffile.imwrite(organ / "label masks modify" / "human_bladder_01.tif", labels)
    save(organ / "vague areas" / "mask binary" / "human_bladder_01.png", unclear)
    (sample,) = load_dataset("nuinsseg", tmp_path)
    # Two pieces bear the number 3 and lie apart; the third nucleus is unclear.
    assert sample.instance_ids.tolist() == [1, 2]
    assert (sample.allowed[labels == 3] == IS_NUCLEUS).all()
    assert (sample.allowed[35:] == ANYTHING).all()
    assert (sample.instances[35:] == UNKNOWN_INSTANCE).all()
    assert sample.allowed[0, 0] == NOT_NUCLEUS
    assert sample.targets == {Target.NUCLEUS, Target.INSTANCES}


def region(*corners: tuple[float, float], **attributes: str) -> str:
    vertices = "".join(f'<Vertex X="{x}" Y="{y}"/>' for x, y in corners)
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<Region{more}><Vertices>{vertices}</Vertices></Region>"


def save_monuseg(folder: Path, save: Save, *regions: str) -> None:
    save(folder / "Tissue Images" / "TCGA-1.tif", TISSUE)
    (folder / "Annotations").mkdir()
    (folder / "Annotations" / "TCGA-1.xml").write_text(
        f"<Annotations><Annotation><Regions>{''.join(regions)}</Regions>"
        "</Annotation></Annotations>"
    )


def test_monuseg_polygons_become_instances(tmp_path: Path, save: Save) -> None:
    save_monuseg(
        tmp_path,
        save,
        region((10, 20), (30, 20), (30, 40), (10, 40)),  # x, then y
        region((25, 35), (35, 35), (35, 45), (25, 45)),  # overlaps the first
        region((70, 5), (75, 5)),  # a line, drawn by mistake
        region((15, 25), (20, 25), (20, 30), NegativeROA="1"),
        region((-5, 50), (10, 50), (10, 70), (-5, 70)),  # leaves the picture
    )
    (sample,) = load_dataset("monuseg", tmp_path)
    sizes = np.bincount(sample.instances.ravel())[1:]
    assert sizes.tolist() == [400 - 25, 100, 100]
    assert sample.instances[37, 27] == 2  # the smaller one keeps what both claim
    assert sample.instances[22, 12] == 1
    assert ((sample.allowed == IS_NUCLEUS) == (sample.instances > 0)).all()
    assert not sample.has_distance


def test_broken_monuseg_files_are_named(tmp_path: Path, save: Save) -> None:
    save_monuseg(tmp_path, save, "<Region>")
    with pytest.raises(DataError, match=r"TCGA-1\.xml is not readable XML"):
        load_dataset("monuseg", tmp_path)
    (tmp_path / "Annotations" / "TCGA-1.xml").rename(tmp_path / "TCGA-2.xml")
    with pytest.raises(DataError, match=r"no picture TCGA-2\.tif"):
        load_dataset("monuseg", tmp_path)


@pytest.mark.slow
def test_real_monuseg(real_data: Path) -> None:
    if not (real_data / "monuseg").is_dir():
        pytest.skip("MoNuSeg is not among the data")
    for sample in load_dataset("monuseg", real_data / "monuseg"):
        assert sample.image.shape == (1000, 1000, 3)
        assert 250 < sample.instance_ids.size < 2000
        # Nuclei of 3 to 12 micrometers at 0.25 micrometers per pixel.
        assert 12 < 0.7 * sample.cell_diameter_px < 48
        # Hematoxylin takes red light away: an annotation that is off does not.
        nucleus = sample.allowed == IS_NUCLEUS
        red = sample.image[..., 0]
        assert red[nucleus].mean() < red[~nucleus].mean() - 20
