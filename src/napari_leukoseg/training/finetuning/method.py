"""How corrections are learned, and what the base knew is held."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_leukoseg.training.classifying import ClassifierSettings

__all__ = ["Method"]


@dataclass(frozen=True)
class Method:
    """What a batch has, and what pulls toward the base; chosen by measurement.

    `docs/finetuning.md` has the figures. The class head is what tells classes and
    nothing else; all else is the body.

    Parameters
    ----------
    n_corrected, n_held, n_drawn : int, optional
        Crops of a batch: of corrected cells; of the same pictures in other colors,
        on which the network shall outline as its base does; of drawn fields, on which
        it shall say all that its base says.
    drawn_fields : int, optional
        Fields that are drawn.
    distill : float, optional
        Factor of the loss that compares network and base.
    anchor : float, optional
        Strength that pulls weights back to those of the base.
    cell_class : float, optional
        Factor of the class term.
    body_rate : float, optional
        Learning rate of the body, relative to that of the class head.
    body_share, head_share : float, optional
        Share of the tuned weights in the model; the rest is of the base.
    whole_rate, whole_share : float, optional
        The same of a network whose classes have no layers of their own.
    classifier : ClassifierSettings, optional
        How the classifier of a base that has one is taught anew.
    """

    n_corrected: int = 8
    n_held: int = 4
    n_drawn: int = 4
    drawn_fields: int = 8
    distill: float = 3.0
    anchor: float = 0.02
    cell_class: float = 1.5
    body_rate: float = 0.1
    body_share: float = 0.5
    head_share: float = 1.0
    whole_rate: float = 0.4
    whole_share: float = 0.8
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)
