"""Parts of a cell as networks number them; loads nothing heavy."""

__all__ = ["BACKGROUND", "CYTOPLASM", "NUCLEUS"]

BACKGROUND, CYTOPLASM, NUCLEUS = 0, 1, 2
"""Channels of `NetworkOutput.semantic`."""
