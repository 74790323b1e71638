"""Has the worker standardize what the viewer's own process had better not."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.plugin.stain_jobs import StainedView

if TYPE_CHECKING:
    from napari_leukoseg.plugin.runs import Runs
    from napari_leukoseg.plugin.worker_client import WorkerClient

__all__ = ["RemoteStains"]

_BUSY = (
    "This method runs in the worker process, which is segmenting; it is shown when "
    "that is over."
)


class RemoteStains:
    """Asks for views, and hands their pixels on, in the interface thread.

    Parameters
    ----------
    client : WorkerClient
        Does the work, one command after another.
    runs : Runs
        Tell whether it is busy for long.
    """

    def __init__(self, client: WorkerClient, runs: Runs) -> None:
        self._client, self._runs = client, runs
        self._asked: dict[int, Callable[[dict[str, Any]], None]] = {}
        client.event.connect(self._on_event)

    def ask(
        self,
        view: StainedView,
        then: Callable[[StainedView], None],
        fail: Callable[[str], None],
    ) -> None:
        """Have a view standardized.

        Parameters
        ----------
        view : StainedView
            Without `after`.
        then : callable
            Gets the view with it.
        fail : callable
            Gets a sentence for people.
        """
        if self._runs.is_active:
            fail(_BUSY)
            return

        def take(event: dict[str, Any]) -> None:
            if event["event"] == "done":
                pixels = np.frombuffer(base64.b64decode(event["pixels"]), np.uint8)
                then(replace(view, after=pixels.reshape(event["shape"])))
            else:
                reason = event.get("message", "the worker process has ended.")
                fail(f"{view.step.title} was not possible: {reason}")

        number = self._client.send(
            "stain",
            slide=str(view.path),
            step=view.step.to_dict(),
            region=view.request.region.bounds,
            factor=view.request.factor,
        )
        self._asked[number] = take

    def _on_event(self, event: dict[str, Any]) -> None:
        """Hear what the worker computed."""
        if event["id"] in self._asked:
            self._asked.pop(event["id"])(event)
