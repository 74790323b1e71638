"""A shortage of memory as a sentence, whoever meets it."""

import errno

import numpy as np
import pytest

from napari_leukoseg.errors import DataError, DeviceError
from napari_leukoseg.training.finetuning.memory import is_shortage, memory_errors

SHORTAGES = (
    MemoryError(),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    RuntimeError("can't start new thread"),
    RuntimeError("could not create a primitive"),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4"),
    ImportError("libtorch.so: failed to map segment from shared object"),
)


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: type(error).__name__)
def test_shortages_are_told(error: Exception) -> None:
    with pytest.raises(DeviceError, match="not enough memory"), memory_errors():
        raise error


def test_array_that_is_too_large_is_one() -> None:
    with pytest.raises(DeviceError), memory_errors():
        np.empty(2**62, np.uint8)


def test_what_follows_from_a_shortage_is_one() -> None:
    with pytest.raises(DeviceError), memory_errors():
        try:
            raise MemoryError
        except MemoryError as error:
            raise DataError("The case cannot be read.") from error


@pytest.mark.parametrize("error", [ValueError("no"), OSError(errno.ENOSPC, "full")])
def test_other_errors_stay(error: Exception) -> None:
    assert not is_shortage(error)
    with pytest.raises(type(error), match=str(error.args[-1])), memory_errors():
        raise error
