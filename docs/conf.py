"""The site below docs/: `make docs` builds it into docs/_build; a warning, such as a broken link, ends it."""

project = "recipe-harness"
author = "recipe-harness"
html_title = project
extensions = ["myst_parser"]
myst_heading_anchors = 4
exclude_patterns = ["_build"]
html_theme = "furo"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_use_index = False
