"""One page about all studies below a folder: what was asked, what came out, what every claim came to."""

from analysis.page.overview.folders import is_collection, study_folders
from analysis.page.overview.report import write_overview
from analysis.page.overview.summary import Summary, Unreadable, summarise

__all__ = ["Summary", "Unreadable", "is_collection", "study_folders", "summarise", "write_overview"]
