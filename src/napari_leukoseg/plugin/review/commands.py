"""What can be done to cells in the canvas: names, keys, and what each needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["ACTIONS", "COMMANDS", "Command", "Need", "action_text"]


class Need(StrEnum):
    """What must be there before something can be done."""

    NOTHING = ""
    CELLS = "There is no cell yet; draw one, or add it by click."
    ONE = "Select one cell first: click it in the picture or in the gallery."
    SOME = "Select cells first: click them in the picture or in the gallery."
    TWO = "Select two cells or more first; Ctrl+click adds one in the gallery."


@dataclass(frozen=True)
class Command:
    """Something that a button and a key do.

    Parameters
    ----------
    name : str
        Names the icon, too.
    title : str
        What people call it.
    key : str
        Shortcut as Qt writes it.
    tip : str
        What it does, in a sentence.
    need : Need, optional
        What must be there first.
    hint : str, optional
        Of a tool that is held in hand: what to do with it.
    """

    name: str
    title: str
    key: str
    tip: str
    need: Need = Need.NOTHING
    hint: str = ""

    @property
    def is_tool(self) -> bool:
        """Whether it stays in hand until it is put down."""
        return bool(self.hint)


COMMANDS = (
    Command("undo", "Undo", "Ctrl+Z", "Take back the last edit, of any kind."),
    Command("redo", "Redo", "Ctrl+Shift+Z", "Do again what was taken back."),
    Command(
        "delete",
        "Delete",
        "Del",
        "Remove the selected cells; later runs do not find them again.",
        Need.SOME,
    ),
    Command(
        "merge",
        "Merge",
        "Shift+M",
        "Make one cell of the selected ones; the first keeps its id and class.",
        Need.TWO,
    ),
    Command(
        "split",
        "Split along a line",
        "Shift+S",
        "Draw a line across a cell that is several.",
        Need.CELLS,
        "Drag a line right across a cell.",
    ),
    Command(
        "divide",
        "Split at the waist",
        "Shift+W",
        "Split the selected cell into two where it is narrowest.",
        Need.ONE,
    ),
    Command(
        "paint_nucleus",
        "Paint nucleus",
        "Shift+N",
        "Paint with a brush on the nucleus of the selected cell, or a new cell.",
        hint="Paint nucleus.",
    ),
    Command(
        "paint_cytoplasm",
        "Paint cytoplasm",
        "Shift+C",
        "Paint with a brush on the cytoplasm of the selected cell, or a new cell.",
        hint="Paint cytoplasm.",
    ),
    Command(
        "erase",
        "Erase",
        "Shift+E",
        "Erase nucleus or cytoplasm, whichever was painted last.",
        Need.CELLS,
        "Erase.",
    ),
    Command(
        "draw",
        "Draw a cell",
        "Shift+D",
        "Draw around a cell that is missing; its dark part becomes the nucleus.",
        hint="Drag around a cell that is missing.",
    ),
    Command(
        "replace",
        "Draw anew",
        "Shift+R",
        "Draw the outline of the selected cell, or of its nucleus, anew.",
        Need.ONE,
        "Drag around the selected cell; see “Part” below for its nucleus.",
    ),
    Command(
        "click",
        "Add by click",
        "Shift+A",
        "Click into a cell that is missing, or drag a box around it.",
        hint="Click into a missing cell, or drag a box around it. Then Shift+click "
        "what the cell lacks, Alt+click what does not belong to it.",
    ),
    Command("fill", "Fill holes", "Shift+F", "Fill holes of the cells.", Need.SOME),
    Command(
        "smooth", "Smooth", "Shift+O", "Smooth the outlines of the cells.", Need.SOME
    ),
    Command("grow", "Grow", "Shift+G", "Move the outlines outwards.", Need.SOME),
    Command("shrink", "Shrink", "Shift+H", "Move the outlines inwards.", Need.SOME),
)

ACTIONS = {
    "AddCell": "adding a cell",
    "AssignClass": "the class",
    "DeleteCells": "deleting",
    "ErasePixels": "erasing",
    "FillHoles": "filling holes",
    "GrowCells": "growing or shrinking",
    "MarkAreaReviewed": "marking an area as complete",
    "MarkReviewed": "the review mark",
    "MergeCells": "merging",
    "PaintPixels": "painting",
    "ReplaceMasks": "drawing anew",
    "SmoothCells": "smoothing",
    "SplitByWatershed": "splitting",
    "SplitCell": "splitting",
}
"""What people call the actions of the history."""


def action_text(action: str) -> str:
    """Return what people call an action of the history."""
    return ACTIONS.get(action, action)
