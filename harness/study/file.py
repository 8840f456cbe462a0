"""The study file as pydantic models: what editors complete and the parser enforces, field by field."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from harness.recipe.field_types import PositiveFloat
from harness.recipe.metrics import (
    MeasuredMetric,
    Metric,
    MetricName,
    default_search_metric,
    in_records,
    task_metrics,
)
from harness.study.claim_kinds import ClaimMetric, named
from harness.study.claims import Claim
from harness.study.looks import Repeats, Seeds, looks_of
from harness.study.published import Published
from harness.study.space_models import DATASET, ArmSpace, RecipeSpace
from harness.study.submission import Submission
from harness.study.trial import Trial

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]
"""Becomes part of file names and run ids, hence letters, digits, `_` and `-` only."""

SearchMetric = Annotated[str, named("val_loss", "val_accuracy", pattern="^val_.")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class EarlyStopping(_Section):
    """ASHA: at each rung a run goes on only if it is among the best 1/`reduction_factor` of its arm.

    Source: Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning, algorithm 2, in the
    stopping variant of Ray Tune.
    """

    grace_epochs: Annotated[int, Field(ge=1)] = 2
    """No run is stopped before this epoch; the first rung."""
    reduction_factor: Annotated[int, Field(ge=2)] = 3
    """Rungs stand at `grace_epochs * reduction_factor ** k` epochs."""


def _name_or_settings(value: object) -> str:
    """Tell a name from a mapping, so that a mistake in one is not told as a mistake in both."""
    return "<settings>" if isinstance(value, Mapping | EarlyStopping) else "<name>"


class Search(_Section):
    """How configurations are chosen. Every arm gets the same."""

    sampler: Literal["tpe", "random", "grid", "gp", "cmaes", "qmc"] = "tpe"
    """Optuna's, each seeded. Only `tpe` and `random` know `one_of`; `cmaes` needs two numeric ranges."""
    trials: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Configurations per arm; left out with `sampler: grid`, where every grid point is run."""
    metric: SearchMetric = "val_loss"
    """What selects, at the end of a run of full length: a metric of the study with `val_` before its name.
    Never a test value. By default the loss; where a study has none, its first metric."""
    winner: Literal["last", "best"] = "last"
    """Which epoch's metric stands for a run of full length, and at which epoch confirm runs are tested: the
    last, or the one with the best metric."""
    average_epochs: Annotated[int, Field(ge=1)] = 1
    """Epochs at the end of a run over which the metric is averaged: with 1, the last epoch alone decides, and
    with it its luck."""
    mode: Literal["min", "max"] | None = None
    """Follows from the metric; may be spelled out."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Everything random in the study derives from it."""
    seeds: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Runs per configuration, each with its own seed; the same seeds in every arm."""
    repeats: Repeats = 1
    """Whole searches per arm, each with its own seeds and rungs, its winner confirmed on seeds of its own:
    what claims about arms that search count as replicates. A number, or `{min, max}` to decide at looks."""
    early_stopping: (
        Annotated[
            Annotated[EarlyStopping, Tag("<settings>")] | Annotated[Literal["none"], Tag("<name>")],
            Discriminator(_name_or_settings),
        ]
        | None
    ) = None
    """ASHA by default; `none` trains every run to its end, as `sampler: grid` always does."""
    max_hours: Annotated[float, Field(gt=0, le=8_760, allow_inf_nan=False)] | None = Field(
        default=None, exclude=True
    )
    """Hours after which a sweep ends in good order, to be resumed; each resumption has as many. By default
    none. It changes nothing that is measured, so it is not declared."""
    audit: Annotated[int, Field(ge=0)] = 0
    """Stopped runs per arm, chosen at random, that are trained again at full length after the search: the
    report then says how often early stopping was wrong."""

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "Search":
        if self.sampler == "grid" and self.trials is not None:
            raise ValueError(
                "trials does not go with sampler: grid, which runs every grid point. Leave it out"
            )
        if self.sampler != "grid" and self.trials is None:
            raise ValueError(f"sampler: {self.sampler} needs trials, the number of configurations per arm")
        if self.sampler == "grid" and isinstance(self.early_stopping, EarlyStopping):
            raise ValueError("sampler: grid measures every point at full length. Leave out early_stopping")
        if self.audit and not self.stops_early:
            raise ValueError("audit repeats stopped runs, and this search stops none. Leave it out")
        if self.winner == "best" and self.average_epochs > 1:
            raise ValueError("average_epochs goes with winner: last, whose luck it averages. Leave one out")
        if self.seeds > 1 and self.sampler != "grid":
            raise ValueError(
                "seeds above 1 go with sampler: grid; elsewhere the confirm phase repeats the winner"
            )
        if self.max_repeats > 1 and self.sampler == "grid":
            raise ValueError(
                "repeats does not go with sampler: grid, which chooses nothing by chance. "
                "Remedy: seeds, the runs of every grid point"
            )
        return self

    @property
    def max_repeats(self) -> int:
        """Whole searches per arm, at most."""
        return looks_of(self.repeats)[-1]

    @property
    def startup_trials(self) -> int:
        """Proposals drawn at random before a model is fitted: a third of the budget, at most Optuna's ten."""
        return min(10, max(1, (self.trials or 0) // 3))

    @property
    def stops_early(self) -> bool:
        """Whether ASHA is at work."""
        return self.early_stopping != "none" and self.sampler != "grid"

    def filled(self, metrics: Mapping[str, Metric] | None = None) -> "Search":
        """Return the same search with what was left open decided.

        Args:
            metrics: The study's; those of classification by default.
        """
        metrics = metrics or task_metrics("classification")
        known = in_records(metrics, ["val"])
        is_given = "metric" in self.model_fields_set and self.metric in known
        metric = self.metric if is_given else default_search_metric(metrics)
        stopping = (self.early_stopping or EarlyStopping()) if self.stops_early else "none"
        chosen = {"metric": metric, "mode": known[metric].mode, "early_stopping": stopping}
        return self.model_copy(update=chosen)


class Confirm(_Section):
    """How each arm's winner is measured: on fresh seeds, the same in every arm, or each repeat's own."""

    seeds: Seeds = 10
    """Runs per arm and repeat; 0 skips the phase. Where no arm searches also `{min, max}`, to decide at
    looks."""
    keep: Literal["none", "best", "all"] = Field(default="none", exclude=True)
    """Of which confirm runs the weights are kept, in `weights/` of the results: of all, or of each search (of
    an arm without one: once) of the best on validation data. It changes no number, so it is not declared."""

    @model_validator(mode="after")
    def _has_something_to_keep(self) -> "Confirm":
        if self.keep != "none" and self.max_seeds == 0:
            raise ValueError(
                f"keep: {self.keep} keeps weights of confirm runs, and seeds: 0 runs none. Leave one out"
            )
        return self

    @property
    def max_seeds(self) -> int:
        """Runs per arm and repeat, at most."""
        return looks_of(self.seeds)[-1]


class Resources(_Section):
    """What one run occupies."""

    cpu: Annotated[int, Field(ge=1)] = 1
    """Threads of a run."""
    gpu: Annotated[float, Field(ge=0)] = 0
    """GPUs of a run: 0, a fraction below 1, or a whole number."""
    concurrency: Annotated[int, Field(ge=1)] | None = None
    """Most runs at the same time; by default what `--dry-run --measure` found on this machine, else as many
    as fit. With 1, timings are comparable and a study is repeatable bit for bit."""
    own_process: bool = False
    """Whether every run has a process of its own, as timing studies need; costs some 6 seconds a run."""
    stall_minutes: Annotated[float, Field(ge=0.001, le=525_600, allow_inf_nan=False)] | None = None
    """A run that reports no epoch for so long is killed and counts as failed; by default none is.
    At most a year."""

    @model_validator(mode="after")
    def _gpu_is_a_fraction_or_whole(self) -> "Resources":
        if self.gpu > 1 and not self.gpu.is_integer():
            raise ValueError(f"gpu = {self.gpu}: above 1 only whole GPUs can be given to a run")
        return self


class StudyFile(_Section):
    """One question about training recipes."""

    model_config = ConfigDict(defer_build=True)  # as the recipe's models are

    study: Name
    """Names the results folder."""
    question: Annotated[str, Field(min_length=1)]
    parent: Annotated[str, Field(min_length=1)] | None = None
    """Results folder of a finished study, from the working directory: its runs are taken over where they are
    the same by declaration, the others trained."""
    recipe: RecipeSpace | None = None  # type: ignore[valid-type]
    """Settings shared by every arm; an arm's own settings take precedence."""
    datasets: Annotated[list[DATASET], Field(min_length=2)] | None = None
    """Data sets, every arm on each with a budget of its own; in place of the recipe's `dataset`."""
    trial: Trial | None = None
    """A program that trains, in place of a recipe; arms then give its parameters."""
    arms: Annotated[dict[Name, ArmSpace], Field(min_length=1)]
    """Contestants: each fixes some recipe fields, or parameters of a program, and searches others."""
    metrics: Annotated[dict[MetricName, MeasuredMetric], Field(min_length=1)] | None = None
    """What is measured on validation and test data, the headline first; those of the task by default."""
    search: Search | None = None
    confirm: Confirm = Confirm()
    resources: Resources = Resources()
    submit: Submission = Submission()
    """What `harness.submit` asks of a cluster for this study; a sweep on one machine does not read it."""
    baseline: str | None = None
    """Arm that the report compares every other one with; further comparisons it calls exploratory. Without
    the name of a data set: it is that on each."""
    claims: list[Claim] = []
    region: dict[ClaimMetric, PositiveFloat] = {}
    """Metric to the difference up to which two arms count as equal, for claims that give none themselves."""
    published: Published = {}
    """Arm to what others published of it; the report sets it beside what the study measures. In a study of
    several data sets an arm's name tells on which: `arm@dataset`."""
