"""Review of a case in the viewer: selection, edits, tools on the canvas."""
