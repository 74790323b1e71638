"""Predicted maps become whole, separate, owned cells."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.classes import UNCLASSIFIED
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.segment.instances import (
    InstanceSettings,
    Prediction,
    extract_cells,
    interpolation_matrix,
    opened,
    separate,
)
from napari_leukoseg.training.targets import normalized_distance

DIAMETER_PX = 40.0
CLASS_IDS = (1, 2, 3)


def disk(
    shape: tuple[int, int], row: float, column: float, radius: float
) -> NDArray[np.bool_]:
    rows, columns = np.indices(shape)
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def predict_disks(
    shape: tuple[int, int], centers: list[tuple[float, float]], *, nuclei: bool = True
) -> Prediction:
    """What a perfect network would say of disks with nuclei, class by column."""
    instances = np.zeros(shape, np.int32)
    nucleus = np.zeros(shape, bool)
    for number, (row, column) in enumerate(centers, start=1):
        instances[disk(shape, row, column, DIAMETER_PX / 2)] = number
        nucleus |= disk(shape, row, column, DIAMETER_PX / 4) & nuclei
    kinds = np.where(nucleus, 2, instances > 0)
    probabilities = np.moveaxis(np.eye(3, dtype=np.float32)[kinds], -1, 0)
    evidence = np.zeros((3, -(-shape[0] // 4), -(-shape[1] // 4)), np.float32)
    for index in range(3):
        evidence[index, :, index::3] = 1.0
    return Prediction(
        np.ascontiguousarray(probabilities), normalized_distance(instances), evidence, 4
    )


def extract(
    prediction: Prediction, window: Region, core: Region | None = None
) -> list[SegmentedCell]:
    return list(
        extract_cells(
            prediction,
            window,
            core or window,
            diameter_px=DIAMETER_PX,
            class_ids=CLASS_IDS,
            settings=InstanceSettings(),
        )
    )


@pytest.mark.parametrize(("certainty", "n_cells"), [(0.8, 0), (0.95, 1)])
def test_the_usual_size_says_what_counts_as_a_cell(
    certainty: float, n_cells: int
) -> None:
    sure = predict_disks((100, 100), [(50, 50)])
    ground = 1 - certainty * (1 - sure.probabilities[:1])
    usual = np.concatenate([ground, certainty * sure.probabilities[1:]])
    window = Region(0, 0, 100, 100)
    assert len(extract(sure, window)) == 1
    cells = extract(sure._replace(usual=usual), window)
    assert [round(cell.score, 3) for cell in cells] == [certainty] * n_cells


def test_touching_cells_are_cut_apart() -> None:
    prediction = predict_disks((100, 140), [(50, 40), (50, 78)])
    labels, cells = separate(prediction, DIAMETER_PX, InstanceSettings())
    assert len(cells) == 2
    assert labels[50, 40] != labels[50, 78]
    areas = np.array([cell.area for cell in cells])
    np.testing.assert_allclose(areas, np.pi * 20**2, rtol=0.1)


def test_one_convex_cell_is_not_cut_at_two_middles() -> None:
    prediction = predict_disks((100, 100), [(50, 50)])
    assert prediction.distance is not None
    two = np.maximum(
        normalized_distance(disk((100, 100), 50, 42, 9).astype(np.int32)),
        normalized_distance(disk((100, 100), 50, 58, 9).astype(np.int32)),
    )
    misled = prediction._replace(distance=two)
    assert len(separate(misled, DIAMETER_PX, InstanceSettings()).cells) == 1


def test_without_distance_the_outline_cuts_them_apart() -> None:
    centers = [(50.0, 40.0), (50.0, 78.0), (110.0, 60.0)]
    prediction = predict_disks((150, 140), centers)._replace(distance=None)
    labels, cells = separate(prediction, DIAMETER_PX, InstanceSettings())
    assert len(cells) == 3
    assert len({int(labels[int(r), int(c)]) for r, c in centers}) == 3
    areas = np.array([cell.area for cell in cells])
    np.testing.assert_allclose(areas, np.pi * 20**2, rtol=0.1)


def test_without_distance_a_bent_cell_stays_whole() -> None:
    bent = disk((100, 100), 50, 50, 24) & ~disk((100, 100), 28, 50, 7)
    kinds = np.where(disk((100, 100), 56, 50, 10), 2, bent)
    probabilities = np.moveaxis(np.eye(3, dtype=np.float32)[kinds], -1, 0)
    prediction = Prediction(np.ascontiguousarray(probabilities), None, None, 1)
    (cell,) = separate(prediction, DIAMETER_PX, InstanceSettings()).cells
    assert cell.area == pytest.approx(bent.sum(), rel=0.02)


def test_a_window_full_of_cell_is_one() -> None:
    probabilities = np.zeros((3, 40, 40), np.float32)
    probabilities[2] = 1
    full = Prediction(probabilities, None, None, 1)
    assert len(separate(full, DIAMETER_PX, InstanceSettings()).cells) == 1


def whole_cells(prediction: Prediction) -> Prediction:
    """The same of a network that does not know nuclei."""
    probabilities = prediction.probabilities.copy()
    probabilities[1] += probabilities[2]
    probabilities[2] = 0
    return prediction._replace(probabilities=probabilities, has_nucleus=False)


def nuclei_only(prediction: Prediction) -> Prediction:
    """The same of a network that knows nothing else, a little unsure outside."""
    probabilities = prediction.probabilities.copy()
    probabilities[0] += probabilities[1]
    probabilities[1] = np.float32(1e-9)
    return prediction._replace(
        probabilities=probabilities, distance=None, has_cytoplasm=False
    )


def test_without_nuclei_cells_are_accepted_as_such() -> None:
    window = Region(0, 0, 120, 160)
    known = extract(predict_disks((120, 160), [(60, 50), (60, 110)]), window)
    whole = extract(
        whole_cells(predict_disks((120, 160), [(60, 50), (60, 110)])), window
    )
    assert len(whole) == len(known) == 2
    for ours, theirs in zip(whole, known, strict=True):
        assert not ours.nucleus.any()
        np.testing.assert_array_equal(ours.cytoplasm, theirs.mask)
        assert ours.class_id == theirs.class_id


def test_without_nuclei_cells_must_still_be_likely() -> None:
    prediction = whole_cells(predict_disks((90, 90), [(45, 45)]))
    prediction.probabilities[:2] = 0.3 + 0.4 * prediction.probabilities[:2]
    assert not extract(prediction, Region(0, 0, 90, 90))
    accepted = separate(prediction, DIAMETER_PX, InstanceSettings(min_score=0.5))
    assert len(accepted.cells) == 1


def test_without_cytoplasm_cells_are_nuclei() -> None:
    prediction = nuclei_only(predict_disks((90, 90), [(45, 45)]))
    hole = disk((90, 90), 45, 45, 2)  # filled, though surely no nucleus
    prediction.probabilities[:, hole] = np.float32([[1], [1e-9], [0]])
    (cell,) = extract(prediction, Region(0, 0, 90, 90))
    assert not cell.cytoplasm.any()
    assert cell.nucleus.sum() == pytest.approx(np.pi * 10**2, rel=0.1)


def test_cells_without_nucleus_or_too_small_are_dropped() -> None:
    assert not extract(
        predict_disks((90, 90), [(45, 45)], nuclei=False), Region(0, 0, 90, 90)
    )
    speck = predict_disks((90, 90), [(45, 45)])
    shape = (90, 90)
    keep = disk(shape, 45, 45, 5)
    speck.probabilities[:] = np.where(
        keep, np.float32([0, 0, 1])[:, None, None], np.float32([1, 0, 0])[:, None, None]
    )
    assert not extract(speck, Region(0, 0, 90, 90))


def doubted(diameter: float) -> Prediction:
    """What a network would say of a cell of so many diameters that it half believes."""
    shape = (90, 90)
    cell = disk(shape, 45, 45, diameter * DIAMETER_PX / 2)
    probabilities = np.where(
        cell,
        np.float32([0.12, 0.06, 0.82])[:, None, None],
        np.float32([1, 0, 0])[:, None, None],
    )
    distance = normalized_distance(cell.astype(np.int32))
    return Prediction(probabilities.astype(np.float32), distance, None, 4)


def test_small_cells_must_be_more_certain() -> None:
    settings = InstanceSettings()
    assert len(separate(doubted(1.0), DIAMETER_PX, settings).cells) == 1
    assert not separate(doubted(0.6), DIAMETER_PX, settings).cells
    anything = InstanceSettings(small_diameter=0)
    assert len(separate(doubted(0.6), DIAMETER_PX, anything).cells) == 1


@pytest.mark.parametrize("zoom", [0.5, 1, 2.75])
def test_masks_have_the_right_size_and_place_at_level_0(zoom: float) -> None:
    window = Region(1000, 2000, round(120 * zoom), round(160 * zoom))
    (cell,) = extract(predict_disks((120, 160), [(60, 100)]), window)
    row, column = cell.centroid
    assert row == pytest.approx(1000 + 60.5 * zoom - 0.5, abs=1)
    assert column == pytest.approx(2000 + 100.5 * zoom - 0.5, abs=1)
    assert cell.mask.sum() == pytest.approx(np.pi * (20 * zoom) ** 2, rel=0.08)
    assert cell.nucleus.sum() == pytest.approx(np.pi * (10 * zoom) ** 2, rel=0.15)
    assert not (cell.nucleus & cell.cytoplasm).any()
    assert window.intersection(cell.region) == cell.region


def test_a_cell_belongs_to_the_tile_with_its_middle() -> None:
    prediction = predict_disks((120, 160), [(60, 50), (60, 110)])
    window = Region(0, 0, 120, 160)
    left, right = Region(0, 0, 120, 80), Region(0, 80, 120, 80)
    assert len(extract(prediction, window, left)) == 1
    assert len(extract(prediction, window, right)) == 1


def test_a_cell_cut_by_the_edge_is_kept() -> None:
    (cell,) = extract(predict_disks((60, 60), [(0, 30)]), Region(0, 0, 60, 60))
    assert cell.region.row == 0


def test_class_follows_evidence_and_probabilities_sum_to_one() -> None:
    prediction = predict_disks((90, 90), [(45, 45)])
    assert prediction.evidence is not None
    prediction.evidence[:] = 0
    prediction.evidence[1] = 3
    (cell,) = extract(prediction, Region(0, 0, 90, 90))
    assert cell.class_id == 2
    assert cell.class_probabilities.sum() == pytest.approx(1)
    (unknown,) = extract(prediction._replace(evidence=None), Region(0, 0, 90, 90))
    assert unknown.class_id == UNCLASSIFIED


def test_empty_prediction_gives_no_cell() -> None:
    assert not extract(predict_disks((50, 70), []), Region(0, 0, 50, 70))


@pytest.mark.parametrize(("fine", "coarse"), [(7, 3), (5, 5), (4, 9), (6, 1)])
def test_interpolation_keeps_constants_and_ramps(fine: int, coarse: int) -> None:
    matrix = interpolation_matrix(0, fine, fine, coarse)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-6)
    centers = (np.arange(coarse) + 0.5) / coarse
    wanted = ((np.arange(fine) + 0.5) / fine).clip(centers[0], centers[-1])
    np.testing.assert_allclose(matrix @ centers, wanted, atol=1e-6)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(SettingsError, match="min_nucleus_share"):
        InstanceSettings(min_nucleus_share=1.5)


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_opening_is_that_of_scipy(steps: int, seed: int) -> None:
    noise = np.random.default_rng(seed).random((60, 47))
    mask = ndimage.gaussian_filter(noise, 2) > 0.49  # also at the border
    expected = ndimage.binary_opening(mask, iterations=steps)
    np.testing.assert_array_equal(opened(mask, steps), expected)
