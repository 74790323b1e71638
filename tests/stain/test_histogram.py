from __future__ import annotations

import numpy as np
from skimage.color import rgb2lab
from skimage.exposure import match_histograms

from napari_leukoseg.stain import ColorCounts, HistogramNormalizer, Variant
from napari_leukoseg.stain.histogram import lab_quantiles


def test_published_is_match_histograms_of_skimage(smear, other_smear):
    normalizer = HistogramNormalizer(Variant.PUBLISHED).fit(other_smear)
    expected = match_histograms(rgb2lab(smear), rgb2lab(other_smear), channel_axis=-1)
    planes = [plane / 1.0 for plane in np.moveaxis(smear, 2, 0)]
    mapped = normalizer.color_map(normalizer.estimate(smear), normalizer.reference)
    ours = rgb2lab(np.clip(np.stack(mapped(tuple(planes)), axis=-1) / 255, 0, 1))
    # Exact matching leaves sRGB here and there; quantiles round the far tails.
    assert np.median(np.abs(ours - expected)) < 0.1
    assert np.quantile(np.abs(ours - expected), 0.98) < 2


def test_quantiles_are_those_of_all_pixels(smear):
    lab = rgb2lab(smear).reshape(-1, 3)
    quantiles = lab_quantiles(ColorCounts.of_image(smear))
    p = np.linspace(0, 1, quantiles.shape[1])
    np.testing.assert_allclose(quantiles, np.quantile(lab, p, axis=0).T, atol=1e-3)
