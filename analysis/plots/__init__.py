"""The figures: one file each (compute the CSV twin, then draw it), saved as svg and png in `rendering`."""
