"""Brings pictures of differently stained smears to one look."""

from napari_leukoseg.stain.choosing import ReferenceRule, choose_picture, find_reference
from napari_leukoseg.stain.color_counts import ColorCounts
from napari_leukoseg.stain.comparing import ColorChange, compare_colors
from napari_leukoseg.stain.errors import StainEstimationError, StainReferenceError
from napari_leukoseg.stain.histogram import HistogramNormalizer
from napari_leukoseg.stain.learned import LearnedNormalizer, LearnedSettings
from napari_leukoseg.stain.learned_source import LearnedStatistics
from napari_leukoseg.stain.macenko import MacenkoNormalizer, MacenkoSettings
from napari_leukoseg.stain.methods import (
    POINTWISE,
    REFERENCED,
    make_normalizer,
    normalizer_from_dict,
    statistics_from_dict,
)
from napari_leukoseg.stain.normalizer import (
    Method,
    Normalizer,
    Standardizer,
    Variant,
)
from napari_leukoseg.stain.reference import StainReference, bundled_references
from napari_leukoseg.stain.reinhard import ReinhardNormalizer
from napari_leukoseg.stain.retinex import (
    RetinexMode,
    RetinexNormalizer,
    RetinexSettings,
)
from napari_leukoseg.stain.sampling import sample_colors
from napari_leukoseg.stain.standardized_slide import StandardizedSlide
from napari_leukoseg.stain.statistics import (
    DyeStatistics,
    HistogramStatistics,
    MomentStatistics,
    RetinexStatistics,
    Statistics,
)
from napari_leukoseg.stain.step import StainChoice, StainDefault, StainStep
from napari_leukoseg.stain.vahadane import VahadaneNormalizer, VahadaneSettings
from napari_leukoseg.stain.writing import PictureFormat, WriteProgress, write_picture

__all__ = [
    "POINTWISE",
    "REFERENCED",
    "ColorChange",
    "ColorCounts",
    "DyeStatistics",
    "HistogramNormalizer",
    "HistogramStatistics",
    "LearnedNormalizer",
    "LearnedSettings",
    "LearnedStatistics",
    "MacenkoNormalizer",
    "MacenkoSettings",
    "Method",
    "MomentStatistics",
    "Normalizer",
    "PictureFormat",
    "ReferenceRule",
    "ReinhardNormalizer",
    "RetinexMode",
    "RetinexNormalizer",
    "RetinexSettings",
    "RetinexStatistics",
    "StainChoice",
    "StainDefault",
    "StainEstimationError",
    "StainReference",
    "StainReferenceError",
    "StainStep",
    "StandardizedSlide",
    "Standardizer",
    "Statistics",
    "VahadaneNormalizer",
    "VahadaneSettings",
    "Variant",
    "WriteProgress",
    "bundled_references",
    "choose_picture",
    "compare_colors",
    "find_reference",
    "make_normalizer",
    "normalizer_from_dict",
    "sample_colors",
    "statistics_from_dict",
    "write_picture",
]
