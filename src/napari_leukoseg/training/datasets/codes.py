"""Classes of the published sets beyond the five types of a normal differential."""

from __future__ import annotations

from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass, ClassScheme, Counting

__all__ = ["LEUKEMIA_SCHEME", "LMU_CODES"]

LEUKEMIA_SCHEME = ClassScheme(
    (
        *DEFAULT_SCHEME,
        CellClass(7, "band neutrophil", "", "#ff8080"),
        CellClass(8, "metamyelocyte", "", "#ff9955"),
        CellClass(9, "myelocyte", "", "#d45500"),
        CellClass(10, "promyelocyte", "", "#aa4400"),
        CellClass(11, "bilobed promyelocyte", "", "#803300"),
        CellClass(12, "myeloblast", "", "#aa00d4"),
        CellClass(13, "monoblast", "", "#0088aa"),
        CellClass(14, "lymphoblast", "", "#aa8800"),
        CellClass(15, "atypical lymphocyte", "", "#c8ab37"),
        CellClass(16, "erythroblast", "", "#666666", Counting.PER_100_WHITE_CELLS),
        CellClass(17, "smudge cell", "", "#333333", Counting.NONE),
    )
)
"""The five types, and what the open sets of leukemia tell apart besides.

`CropSettings.class_ids` and `CropSettings.taken_as` choose what is trained."""

LMU_CODES = {
    "BAS": 5,
    "EBO": 16,
    "EOS": 4,
    "KSC": 17,
    "LYA": 15,
    "LYT": 2,
    "MMZ": 8,
    "MOB": 13,
    "MON": 3,
    "MYB": 9,
    "MYO": 12,
    "NGB": 7,
    "NGS": 1,
    "PMB": 11,
    "PMO": 10,
}
"""Folder names of AML-Cytomorphology LMU, as ids of `LEUKEMIA_SCHEME`."""
