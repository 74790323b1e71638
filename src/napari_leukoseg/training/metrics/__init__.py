"""Measures of agreement between what was predicted and what experts marked."""

from napari_leukoseg.training.metrics.confidence import (
    CALIBRATION_BINS,
    bin_confidences,
    calibration_error,
    expected_calibration_error,
    one_vs_rest_auroc,
)
from napari_leukoseg.training.metrics.counts import (
    ClassCounts,
    accuracy,
    balanced_accuracy,
    confusion_matrix,
    macro_average,
    mean_iou,
    ratio,
    weighted_average,
)
from napari_leukoseg.training.metrics.instances import (
    Detection,
    Overlap,
    PanopticQuality,
    aggregated_jaccard,
    detect,
    match_cells,
    match_pairs,
    measure_overlap,
    panoptic_quality,
)
from napari_leukoseg.training.metrics.masks import (
    dice,
    dice_coef_multiclass,
    jaccard,
)

__all__ = [
    "CALIBRATION_BINS",
    "ClassCounts",
    "Detection",
    "Overlap",
    "PanopticQuality",
    "accuracy",
    "aggregated_jaccard",
    "balanced_accuracy",
    "bin_confidences",
    "calibration_error",
    "confusion_matrix",
    "detect",
    "dice",
    "dice_coef_multiclass",
    "expected_calibration_error",
    "jaccard",
    "macro_average",
    "match_cells",
    "match_pairs",
    "mean_iou",
    "measure_overlap",
    "one_vs_rest_auroc",
    "panoptic_quality",
    "ratio",
    "weighted_average",
]
