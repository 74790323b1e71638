"""Errors a user can cause; every message gives value, expectation and remedy."""

__all__ = [
    "CaseError",
    "DataError",
    "DeviceError",
    "ExportError",
    "LeukosegError",
    "ModelError",
    "SampleError",
    "SettingsError",
    "SlideError",
]


class LeukosegError(Exception):
    """Base of every error that a user's input can cause."""


class SettingsError(LeukosegError, ValueError):
    """A setting is outside its allowed values."""


class SlideError(LeukosegError):
    """A slide or picture cannot be opened or read."""


class CaseError(LeukosegError):
    """A case on disk is missing, damaged, or belongs to another slide."""


class ModelError(LeukosegError):
    """A model folder is incomplete, altered, or unsafe to load."""


class DeviceError(LeukosegError):
    """The requested compute device is absent or failed."""


class ExportError(LeukosegError):
    """Results cannot be written."""


class DataError(LeukosegError):
    """A training or evaluation data set is not in the expected layout."""


class SampleError(LeukosegError):
    """Sample data cannot be made or fetched."""
