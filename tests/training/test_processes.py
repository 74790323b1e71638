"""Shares of a batch; that processes agree with one is tested with `leukoseg train`."""

import pytest
import torch

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.networks import NetworkOutput
from napari_leukoseg.training.processes import ALONE, Processes, joined

CPU = torch.device("cpu")


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_shares_make_up_the_batch(count: int) -> None:
    batch = range(100, 112)
    parts = [batch[Processes(rank, count).share(12)] for rank in range(count)]
    assert [index for part in parts for index in part] == list(batch)
    assert len({len(part) for part in parts}) == 1


def test_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(SettingsError, match="give a multiple of 5"):
        Processes(0, 5).share(12)


def test_alone_there_is_nothing_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined(CPU) as (processes, device):
        assert (processes, device) == (ALONE, CPU)
    output = NetworkOutput(torch.zeros(1, 3, 2, 2), None, None)
    assert ALONE.whole_output(output) is output
    assert ALONE.gather("a") == ["a"]
