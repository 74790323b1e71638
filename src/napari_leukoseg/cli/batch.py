"""Segments slides one after another."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from napari_leukoseg.case import CLASS_COLUMN
from napari_leukoseg.cli import terminal
from napari_leukoseg.cli.cases import working_case
from napari_leukoseg.cli.each_slide import for_each_slide
from napari_leukoseg.cli.inputs import refuse_result
from napari_leukoseg.cli.outputs import Format, Outputs
from napari_leukoseg.cli.progress import progress_bar, working
from napari_leukoseg.pipeline import segment_slide
from napari_leukoseg.slide import open_slide
from napari_leukoseg.steps import run_steps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_leukoseg.case import Case
    from napari_leukoseg.cli.progress import Show
    from napari_leukoseg.pipeline import Progress, RunSummary, SegmentSettings
    from napari_leukoseg.segment import Segmenter

__all__ = ["Batch"]


@dataclass(frozen=True)
class Batch:
    """What is done with every slide of one command.

    Parameters
    ----------
    segmenter : Segmenter
        Model on a device.
    folder : Path
        Output folder.
    formats : frozenset of Format
        What is written.
    settings : SegmentSettings
        Area and scale.
    mpp : float or None
        Pixel size in place of that of the files.
    overwrite : bool
        Whether outputs that exist are replaced.
    """

    segmenter: Segmenter
    folder: Path
    formats: frozenset[Format]
    settings: SegmentSettings
    mpp: float | None
    overwrite: bool

    def run(self, slides: Sequence[Path]) -> int:
        """Segment slides, tell what became of each, and return how many failed."""
        return for_each_slide(slides, self._segment, "segmented")

    def _segment(self, path: Path, stem: str, label: str) -> None:
        """Segment one slide and write what is asked for."""
        refuse_result(path)
        outputs = Outputs(self.folder, stem, self.formats)
        known = len(self.segmenter.notices)
        with open_slide(path, mpp=self.mpp) as slide:
            self.settings.area_of(slide)  # before a case is made or replaced
            with working_case(
                slide, outputs, self.mpp, overwrite=self.overwrite
            ) as case:
                steps = segment_slide(slide, self.segmenter, case, self.settings)
                with progress_bar(label) as show:
                    summary = run_steps(steps, partial(_show_run, show))
                with working(f"{label}: writing"):
                    outputs.write_files(case, slide)
                terminal.say(_describe(path, case, summary, outputs))
        for notice in summary.notices:
            if notice not in self.segmenter.notices[:known]:
                terminal.note(f"note: {path.name}: {notice}")


def _show_run(show: Show, progress: Progress) -> None:
    """Show the progress of a run, with the time left."""
    status = progress.message
    if progress.stage == "segment":
        status = f"{progress.n_cells} cells"
        if progress.seconds_left is not None:
            status += f", {terminal.duration(progress.seconds_left)} left"
    show(progress.done, progress.total, status)


def _describe(path: Path, case: Case, summary: RunSummary, outputs: Outputs) -> str:
    """Return one line about a segmented slide."""
    table = case.table()
    counts = Counter(table[CLASS_COLUMN].astype(int) if len(table) else ())
    classes = ", ".join(f"{counts[c.id]} {c.name}" for c in case.scheme if counts[c.id])
    cells = "1 cell" if len(table) == 1 else f"{len(table)} cells"
    first, *others = outputs.paths
    return (
        f"{path.name}: {cells}{f' ({classes})' if classes else ''} in "
        f"{terminal.duration(summary.seconds)}, written to {first}"
        f"{f' and {len(others)} more' if others else ''}"
    )
