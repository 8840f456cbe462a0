"""The tables: one file each (compute, then lay out), rendered to csv, md, tex and html in `rendering`."""
