"""Which pages are written anew whenever the site is built, and not kept in the repository."""

from collections.abc import Callable, Mapping

from docs.generators import commands, study_file

MADE: Mapping[str, Callable[[], str]] = {
    "reference/commands.md": commands.page,
    "reference/study_file.md": study_file.page,
}
"""By their place below `docs`: what returns a page's text."""
