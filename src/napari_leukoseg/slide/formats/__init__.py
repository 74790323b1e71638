"""One module per family of file formats; each opens a path as a `SlideReader`."""
