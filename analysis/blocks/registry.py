"""Every block of a study's report, in the report's order within its sections."""

from collections.abc import Mapping
from typing import Any

from analysis.blocks import Block, Plot, Table
from analysis.blocks.as_published import AS_PUBLISHED
from analysis.blocks.batch_sizes import BATCH_SIZES
from analysis.blocks.budget import BUDGET, FAILURES
from analysis.blocks.claims import CLAIMS
from analysis.blocks.class_accuracy import CLASS_ACCURACY
from analysis.blocks.confusions import CONFUSIONS
from analysis.blocks.differences import DIFFERENCES
from analysis.blocks.early_stopping import EARLY_STOPPING
from analysis.blocks.final import FINAL_ACCURACY, FINAL_VALUES
from analysis.blocks.isolation import ISOLATION
from analysis.blocks.learning_curves import ACCURACY_CURVES, LEARNING_CURVES, METRIC_CURVES
from analysis.blocks.learning_rates import LEARNING_RATES
from analysis.blocks.optimism import OPTIMISM
from analysis.blocks.pairs import PAIRS
from analysis.blocks.published import PUBLISHED
from analysis.blocks.relevance import RELEVANCE
from analysis.blocks.reproducibility import REPRODUCIBILITY
from analysis.blocks.response import RESPONSE
from analysis.blocks.results import RESULTS
from analysis.blocks.search import SEARCH
from analysis.blocks.timing import TIMING
from analysis.blocks.tuning_curves import TUNING_CURVES
from analysis.blocks.variance import VARIANCE

BLOCKS: tuple[Block, ...] = (
    CLAIMS,
    FINAL_ACCURACY,
    FINAL_VALUES,
    DIFFERENCES,
    RESULTS,
    RESPONSE,
    ACCURACY_CURVES,
    METRIC_CURVES,
    LEARNING_CURVES,
    AS_PUBLISHED,
    PUBLISHED,
    TIMING,
    BATCH_SIZES,
    PAIRS,
    CLASS_ACCURACY,
    CONFUSIONS,
    ISOLATION,
    LEARNING_RATES,
    SEARCH,
    TUNING_CURVES,
    RELEVANCE,
    OPTIMISM,
    VARIANCE,
    BUDGET,
    EARLY_STOPPING,
    FAILURES,
    REPRODUCIBILITY,
)

TABLES: Mapping[str, Table[Any]] = {block.name: block.table for block in BLOCKS if block.table is not None}
PLOTS: Mapping[str, Plot] = {block.name: block.plot for block in BLOCKS if block.plot is not None}
