"""Columns of the cell table: name, unit and meaning, in the order of the table."""

from __future__ import annotations

from dataclasses import dataclass

from napari_leukoseg.classes import DEFAULT_SCHEME, UNCLASSIFIED, CellClass, ClassScheme

__all__ = ["COLUMNS", "COLUMN_GUIDE", "Column", "column_guide", "probability_column"]


@dataclass(frozen=True)
class Column:
    """One column of the cell table.

    Parameters
    ----------
    name : str
        Name in the table; ends in the unit where it is px, µm or µm².
    unit : str
        Unit for people to read, or an empty string.
    meaning : str
        One sentence for documentation and tooltips.
    """

    name: str
    unit: str
    meaning: str


def probability_column(cell_class: CellClass) -> str:
    """Return the name of the column that holds the probability of a class."""
    return f"probability_{cell_class.name}"


def column_guide(scheme: ClassScheme) -> tuple[Column, ...]:
    """Describe the columns of a table whose classes are those of `scheme`.

    A table holds the probabilities of those classes only that its model knows.
    """
    return (
        *_IDENTITY,
        *(_probability(cell_class) for cell_class in scheme),
        *_STATUS,
        *_POSITION,
        *_SIZE,
        *_SHAPE,
        *_COLOR,
        *_TEXTURE,
    )


def _probability(cell_class: CellClass) -> Column:
    """Describe the probability of one class."""
    return Column(
        probability_column(cell_class),
        "",
        f"Probability, from 0 to 1, that the model gave to {cell_class.name}.",
    )


def _in_um(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Repeat pixel columns in µm."""
    return tuple(
        Column(
            f"{column.name.removesuffix('_px')}_um",
            "µm",
            f"{column.meaning.removesuffix('.')}, times the pixel size; "
            "empty where it is unknown.",
        )
        for column in columns
    )


_IDENTITY = (
    Column("cell_id", "", "Value of the cell in the nucleus and cytoplasm layers."),
    Column("class_id", "", "Class of the cell, an id of the class scheme."),
)

_STATUS = (
    Column("confidence", "", "Probability, from 0 to 1, of the most probable class."),
    Column("score", "", "Confidence, from 0 to 1, that this is a white cell."),
    Column("reviewed", "", "Whether a person has confirmed or corrected the cell."),
    Column("touches_border", "", "Whether the cell is cut by the picture's border."),
)

_POSITION_PX = (
    Column("centroid_row_px", "px", "Mean row of the cell; pixel centers are whole."),
    Column("centroid_column_px", "px", "Mean column of the cell."),
    Column("box_row_px", "px", "First row of the cell."),
    Column("box_column_px", "px", "First column of the cell."),
    Column("box_row_stop_px", "px", "First row below the cell."),
    Column("box_column_stop_px", "px", "First column right of the cell."),
)

_POSITION = (*_POSITION_PX, *_in_um(_POSITION_PX))

_PARTS = ("nucleus", "cytoplasm", "cell")

_DIAMETERS = tuple(
    Column(
        f"{part}_diameter_px",
        "px",
        f"Diameter of the circle that has the area of the {part}.",
    )
    for part in ("nucleus", "cell")
)

_SIZE = (
    *(Column(f"{p}_area_px", "px", f"Number of pixels of the {p}.") for p in _PARTS),
    *(
        Column(
            f"{part}_area_um2",
            "µm²",
            f"Area of the {part}; empty where the pixel size is unknown.",
        )
        for part in _PARTS
    ),
    *_DIAMETERS,
    *_in_um(_DIAMETERS),
    Column(
        "nucleus_to_cytoplasm_ratio",
        "",
        "Area of the nucleus over that of the cytoplasm (4 is a ratio of 4:1); "
        "empty for a cell without cytoplasm.",
    ),
    Column(
        "nucleus_fraction", "", "Area of the nucleus over that of the cell, 0 to 1."
    ),
)

_SHAPE = (
    Column(
        "nucleus_lobes",
        "",
        "Number of lobes: parts of the nucleus joined by nothing or by a neck "
        "narrower than three quarters of the thinner part.",
    ),
    *(
        column
        for part in ("nucleus", "cell")
        for column in (
            Column(
                f"{part}_eccentricity",
                "",
                f"Eccentricity of the ellipse with the second moments of the {part}: "
                "0 for a circle, towards 1 for a line.",
            ),
            Column(
                f"{part}_solidity",
                "",
                f"Area of the {part} over that of its convex hull.",
            ),
            Column(
                f"{part}_circularity",
                "",
                f"4π times area over squared perimeter (Crofton, 4 directions) of "
                f"the {part}, at most 1: 1 for a circle, less for a lobed outline.",
            ),
        )
    ),
)

_COLOR = tuple(
    Column(f"{part}_{channel}_{suffix}", unit, meaning.format(channel, part))
    for part in ("nucleus", "cytoplasm")
    for channel in ("red", "green", "blue")
    for suffix, unit, meaning in (
        ("mean", "0-255", "Mean {} of the {}."),
        ("sd", "0-255", "Standard deviation of the {} of the {}."),
        ("od", "", "Mean decadic optical density in {} of the {}; white is 0."),
    )
)

_TEXTURE = tuple(
    Column(
        f"{part}_texture_{name}",
        "",
        f"{meaning} of the {part}, from pairs of pixels a twentieth of the cell's "
        "diameter apart, in steps of 0.1 optical density of green.",
    )
    for part in ("nucleus", "cytoplasm")
    for name, meaning in (
        ("contrast", "Haralick contrast (mean squared difference)"),
        ("homogeneity", "Haralick homogeneity (1 where even)"),
        ("energy", "Haralick energy (1 where even)"),
        ("correlation", "Haralick correlation (1 where smooth)"),
    )
)

COLUMN_GUIDE = column_guide(
    ClassScheme(tuple(c for c in DEFAULT_SCHEME if c.id != UNCLASSIFIED))
)
"""Columns of a table made with a model of the five classes."""

COLUMNS = tuple(column.name for column in COLUMN_GUIDE)
"""Names of `COLUMN_GUIDE`, in the order of the table; `cell_id` is first."""
