"""Chains the stages: a slide goes in, a case with labels and a table comes out."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from napari_leukoseg import __version__
from napari_leukoseg.cells import measure_cell
from napari_leukoseg.correct import adopt_classes
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import MAX_CELL_PX, MIN_CELL_PX, WHITE_CELL_UM, Region
from napari_leukoseg.segment.close_look import CloseLook
from napari_leukoseg.segment.screening import ScreenSettings
from napari_leukoseg.stain import StainDefault, StainStep
from napari_leukoseg.steps import retell_steps

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari_leukoseg.case import Case, Run
    from napari_leukoseg.segment import Segmenter
    from napari_leukoseg.segment.instances import Prediction
    from napari_leukoseg.segment.scale import CellScale
    from napari_leukoseg.segment.tiling import Tile, TilePlan
    from napari_leukoseg.slide import SlideReader

__all__ = [
    "Progress",
    "RunSummary",
    "SegmentSettings",
    "estimate_seconds",
    "segment_slide",
]

IN_FLIGHT = 2
"""Tiles whose cells are being cut out while a network on a GPU goes on. One on the
CPU waits: it would want the same cores, and both would take longer."""

OVERHEAD = 1.2
"""Whole pipeline over the network alone, for the estimate of time."""

SEARCHED_SHARE = 0.35
"""Work left after a search, for the estimate of time: that of a smear where white
cells cover a hundredth."""


@dataclass(frozen=True)
class SegmentSettings:
    """What a user asks of a run; the pixel size belongs to the slide.

    Parameters
    ----------
    cell_diameter_px : float, optional
        Typical diameter of a white cell at level 0; found out if absent.
    region : Region, optional
        Part of the slide, half-open, at level 0; the whole by default.
    stain : StainStep or StainDefault, optional
        How the slide is standardized before the network sees it; by default as
        the model's card says. Cells are measured on the slide as it is, so that
        colors are those of the specimen, and the same after an edit.
    screen : ScreenSettings, optional
        How large slides are searched for places worth the network's time; none
        to have it look everywhere.
    close_look : CloseLook, optional
        How closely small pictures and areas are looked at; none for as usual.
    """

    cell_diameter_px: float | None = None
    region: Region | None = None
    stain: StainStep | StainDefault = StainDefault.MODEL
    screen: ScreenSettings | None = field(default_factory=ScreenSettings)
    close_look: CloseLook | None = field(default_factory=CloseLook)

    def __post_init__(self) -> None:
        diameter = self.cell_diameter_px
        if diameter is not None and not MIN_CELL_PX <= diameter <= MAX_CELL_PX:
            raise SettingsError(
                f"A cell diameter of {diameter:g} pixels is out of range; give "
                f"{MIN_CELL_PX:g} to {MAX_CELL_PX:g}."
            )

    def screen_of(self, area: Region) -> ScreenSettings | None:
        """How an area is to be searched, none if it is not."""
        screen = self.screen
        return screen if screen is not None and screen.applies_to(area) else None

    def area_of(self, slide: SlideReader) -> Region:
        """Area to segment, checked against the slide."""
        whole = Region.of_shape(slide.shape)
        if self.region is None:
            return whole
        if self.region.is_empty or self.region.intersection(whole) != self.region:
            raise SettingsError(
                f"The region {self.region.bounds} (row, column, row stop, column "
                f"stop) is empty or leaves the picture of {whole.height} rows and "
                f"{whole.width} columns."
            )
        return self.region


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Parameters
    ----------
    stage : str
        ``scale``, ``screen``, ``segment`` or ``finish``.
    done, total : int
        Tiles finished, and all of them; pieces of the slide in ``screen``.
    seconds_left : float or None
        Estimate, once there is one.
    n_cells : int
        Cells found by this run so far.
    message : str
        One line for people.
    """

    stage: str
    done: int
    total: int
    seconds_left: float | None
    n_cells: int
    message: str


@dataclass(frozen=True)
class RunSummary:
    """What a run did.

    Parameters
    ----------
    n_cells, n_tiles : int
        Cells in the case, and tiles of the run.
    cell_diameter_px : float
        Typical diameter that was used.
    cell_diameter_source : str
        ``given``, ``pixel size``, ``estimated`` or ``assumed``.
    seconds : float
        Wall-clock time of this call.
    device_label : str
        Where the network ran.
    notices : tuple of str
        What a user should know.
    """

    n_cells: int
    n_tiles: int
    cell_diameter_px: float
    cell_diameter_source: str
    seconds: float
    device_label: str
    notices: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def segment_slide(
    slide: SlideReader, segmenter: Segmenter, case: Case, settings: SegmentSettings
) -> Generator[Progress, None, RunSummary]:
    """Segment an area of a slide into its case, tile by tile.

    Closing the generator, or ending the process at any moment, leaves a case
    that the same call takes up again; its labels then equal those of an
    undisturbed run.

    Parameters
    ----------
    slide : SlideReader
        Source.
    segmenter : Segmenter
        Model on a device.
    case : Case
        Receives labels, table, provenance; open for writing.
    settings : SegmentSettings
        Area and scale.

    Yields
    ------
    progress : Progress
        Before the scale is looked for, while a large slide is searched, after
        each tile, and at the end.

    Returns
    -------
    summary : RunSummary
        What was done.

    Raises
    ------
    CaseError
        If the case belongs to another slide, or cannot be written.
    SettingsError
        If the area leaves the slide.
    StainEstimationError
        If the slide does not show how it is stained, and the user asked for a
        stain step. One that only the model asks for is left out with a notice.
    """
    from napari_leukoseg.segment.scale import recorded_scale
    from napari_leukoseg.segment.systems import see_slide

    began = time.monotonic()
    case.check_slide(slide)
    adopt_classes(case, segmenter.card.scheme)
    area = settings.area_of(slide)
    seen = see_slide(slide, segmenter.card, settings.stain, segmenter.device)
    request = describe_request(slide, segmenter, area, settings, seen.step)
    yield Progress("scale", 0, 0, None, 0, "Finding the size of cells")
    scale = recorded_scale(case.provenance, request)
    if scale is None:
        # Else the default model looks, which knows slides as they are.
        is_own = segmenter.model.network.estimates_scale
        looked_at = seen.slide if is_own else slide
        scale = find_scale(looked_at, segmenter, area, settings)
    plan = yield from make_plan(slide, segmenter, area, scale, settings)
    run = case.begin_run(describe_run(request, scale, plan), len(plan.tiles))
    if not run.is_finished:
        yield from run_tiles(slide, seen.slide, segmenter, case, run, plan)
    summary = RunSummary(
        len(case.table()),
        len(plan.tiles),
        scale.diameter_px,
        scale.source,
        time.monotonic() - began,
        segmenter.device_label,
        (*segmenter.notices, *seen.notices, *scale.notices),
    )
    if not run.is_finished:
        run.finish(summary.to_dict())
    n_tiles = len(plan.tiles)
    yield Progress("finish", n_tiles, n_tiles, 0.0, summary.n_cells, "Finished")
    return summary


def estimate_seconds(
    slide: SlideReader, segmenter: Segmenter, settings: SegmentSettings
) -> float:
    """Estimate how long a run will take, without looking at the picture.

    Where neither the cell diameter nor the pixel size is known, cells of a
    middling size are assumed; on a slide that will be searched, as many cells as
    a smear of healthy blood has.
    """
    from napari_leukoseg.segment.planning import plan_area
    from napari_leukoseg.segment.scale import assumed_diameter

    area = settings.area_of(slide)
    diameter = settings.cell_diameter_px or (
        WHITE_CELL_UM / slide.mpp if slide.mpp else assumed_diameter(area)
    )
    plan = plan_area(slide.shape, segmenter, area, diameter, settings.close_look)
    share = 1.0 if settings.screen_of(area) is None else SEARCHED_SHARE
    return OVERHEAD * share * plan.working_pixels / segmenter.pixels_per_second


def find_scale(
    slide: SlideReader, segmenter: Segmenter, area: Region, settings: SegmentSettings
) -> CellScale:
    """Find the typical cell diameter; loads the networks only now."""
    from napari_leukoseg.segment.scale import resolve_cell_scale

    return resolve_cell_scale(slide, segmenter, area, settings.cell_diameter_px)


def make_plan(
    slide: SlideReader,
    segmenter: Segmenter,
    area: Region,
    scale: CellScale,
    settings: SegmentSettings,
) -> Generator[Progress, None, TilePlan]:
    """Plan the tiles of an area, after a search where it is large."""
    from napari_leukoseg.segment.planning import plan_area, search_area

    plan = plan_area(
        slide.shape, segmenter, area, scale.diameter_px, settings.close_look
    )
    screen = settings.screen_of(area)
    if screen is None:
        return plan
    searched = yield from retell_steps(
        search_area(slide, segmenter, plan, scale.diameter_px, screen),
        lambda step: Progress("screen", *step, None, 0, "Searching for white cells"),
    )
    return searched


def describe_request(
    slide: SlideReader,
    segmenter: Segmenter,
    area: Region,
    settings: SegmentSettings,
    step: StainStep | None,
) -> dict[str, Any]:
    """Give everything asked for that decides the labels."""
    whole = area == Region.of_shape(slide.shape)
    screen = settings.screen_of(area)
    return {
        "model": segmenter.card.name,
        "model_sha256": segmenter.card.weights_sha256,
        "region": None if whole else list(area.bounds),
        "mpp": slide.mpp,
        "cell_diameter_px": settings.cell_diameter_px,
        "stain": None if step is None else step.describe(),
        "instances": asdict(segmenter.settings),
        "screen": None if screen is None else asdict(screen),
        "window_px": segmenter.window_px,
        "batch_size": segmenter.batch_size,
        "device": segmenter.device.type,
        "version": __version__,
    }


def describe_run(
    request: dict[str, Any], scale: CellScale, plan: TilePlan
) -> dict[str, Any]:
    """Add to a request what was found out for it.

    A plan found anew must be that of the run, or its tiles are not the same.
    """
    return {
        **request,
        "scale": {"diameter_px": scale.diameter_px, "source": scale.source},
        "n_tiles": len(plan.tiles),
        "searched_share": round(plan.share, 4),
        "working_diameter_px": plan.working_diameter_px,
        "n_looks": plan.n_looks,
        "plan_sha256": plan.digest,
    }


def run_tiles(
    slide: SlideReader,
    seen: SlideReader,
    segmenter: Segmenter,
    case: Case,
    run: Run,
    plan: TilePlan,
) -> Generator[Progress, None, None]:
    """Predict, measure and commit the tiles that a run lacks.

    The network looks at `seen`; cells are measured on `slide`. They are cut out
    and written in one other thread, in the order of the plan; on a GPU the network
    works on the next tile meanwhile.
    """
    from napari_leukoseg.segment.engine import predict_tiles

    began, n_cells = time.monotonic(), 0
    finished = run.finished_tiles
    total, done = len(plan.tiles), len(finished)
    todo = [tile.window.size.area for tile in plan.tiles if tile.index not in finished]
    n_before = done

    def commit(tile: Tile, prediction: Prediction) -> int:
        found = segmenter.cells_of(prediction, tile, plan.working_diameter_px)
        # Measured as drawn: without pixels that belong to an earlier cell.
        cells = [cell for cell in run.fit_cells(found) if cell is not None]
        rows = [
            measure_cell(
                slide.read_region(cell.region),
                cell,
                mpp=slide.mpp,
                scheme=case.scheme,
                slide_shape=slide.shape,
            )
            for cell in cells
        ]
        return sum(number > 0 for number in run.commit_tile(tile.index, cells, rows))

    def report() -> Progress:
        taken = sum(todo[: done - n_before])
        pace = (time.monotonic() - began) / max(1, taken)
        return Progress(
            "segment",
            done,
            total,
            pace * (sum(todo) - taken) if taken else None,
            n_cells,
            f"Tile {done} of {total}, {n_cells} cells",
        )

    yield report()
    writer = ThreadPoolExecutor(1, thread_name_prefix="leukoseg-write")
    waiting: deque[Future[int]] = deque()
    predictions = predict_tiles(seen, segmenter, plan, finished)
    in_flight = 0 if segmenter.device.type == "cpu" else IN_FLIGHT
    # After a product the threads of BLAS spin for a while, in the network's way.
    blas = threadpool_limits(1, "blas")
    try:
        for tile, prediction in predictions:
            waiting.append(writer.submit(commit, tile, prediction))
            while waiting and (len(waiting) > in_flight or waiting[0].done()):
                n_cells += waiting.popleft().result()
                done += 1
                yield report()
        for future in waiting:
            n_cells += future.result()
            done += 1
            yield report()
    finally:
        blas.restore_original_limits()
        predictions.close()
        writer.shutdown(wait=True, cancel_futures=True)
