"""The napari plugin: readers, sample data, layers and widgets."""
