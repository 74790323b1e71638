"""Widgets that the plugin contributes to napari."""
