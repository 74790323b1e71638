"""Several processes that train one network, as ``torchrun`` starts them.

Every process predicts its share of a batch and then computes the loss of the whole
batch, since losses over partial masks are ratios of sums: the mean of their values on
shares would be another one.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, distributed, nn

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.networks.base import NetworkOutput

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ALONE", "Processes", "joined"]

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """One process among those that train together.

    Parameters
    ----------
    rank : int, optional
        Its number, from 0; the first writes files.
    count : int, optional
        How many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this one writes files."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """Part of each batch that this process predicts.

        Raises
        ------
        SettingsError
            If the batch cannot be divided evenly.
        """
        if batch_size % self.count:
            raise SettingsError(
                f"batch_size is {batch_size}, which {self.count} processes cannot "
                f"divide; give a multiple of {self.count}."
            )
        size = batch_size // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def whole_batch(self, part: Tensor) -> Tensor:
        """Join the parts of all processes; only the own one carries gradients.

        Parameters
        ----------
        part : Tensor of shape (B / count, ...)
            Own part, of the same shape and type in every process.
        """
        if self.count == 1:
            return part
        part = part.contiguous()
        parts = [torch.empty_like(part) for _ in range(self.count)]
        distributed.all_gather(parts, part.detach())
        parts[self.rank] = part
        return torch.cat(parts)

    def whole_output(self, output: NetworkOutput) -> NetworkOutput:
        """Join the outputs of all processes, in float32."""
        if self.count == 1:
            return output
        return NetworkOutput(
            *(
                None if part is None else self.whole_batch(part.float())
                for part in output
            )  # type: ignore[arg-type]
        )

    def sum_gradients(self, network: nn.Module) -> None:
        """Add up the gradients of all processes, each of its part of the loss."""
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        if self.count == 1 or not gradients:
            return
        joined = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(joined)
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, total in zip(gradients, torch.split(joined, sizes), strict=True):
            gradient.copy_(total.view_as(gradient))

    def share_buffers(self, network: nn.Module) -> None:
        """Take over the buffers of the first process."""
        if self.count > 1:
            for buffer in network.buffers():
                distributed.broadcast(buffer, 0)

    def gather(self, value: T) -> list[T]:
        """Values of all processes, by rank."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        distributed.all_gather_object(values, value)
        return values


ALONE = Processes()
"""A run in one process."""


@contextmanager
def joined(device: torch.device) -> Iterator[tuple[Processes, torch.device]]:
    """Join the processes that were started together, if there are any.

    Parameters
    ----------
    device : torch.device
        Kind of device; each process takes a GPU of its own.

    Yields
    ------
    processes : Processes
        This process among the others.
    device : torch.device
        Its own device.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE, device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield (
            Processes(distributed.get_rank(), distributed.get_world_size()),
            device,
        )
    finally:
        distributed.destroy_process_group()
