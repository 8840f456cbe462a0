"""Several results folders side by side: two days, two machines, CPU and GPU, two versions."""

from analysis.page.comparison.report import write_comparison

__all__ = ["write_comparison"]
