"""A study whose metrics are its own: errors in kWh, lower is better, and a skill without a unit.

It is run by the conductor and recorded by the journal, as a sweep does it; only the program is made up.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from optuna.storages import InMemoryStorage

from analysis.blocks.registry import PLOTS
from analysis.facts import Facts
from analysis.load import load_study
from analysis.page.caveats import limits, warnings
from analysis.page.comparison import write_comparison
from analysis.page.document import Content, render_markdown, render_tables
from analysis.page.overview import render_overview
from analysis.page.provenance import protocol
from analysis.page.summaries import summarise
from analysis.render.figure import arm_styles
from analysis.replicates import chance_level
from harness.commands.planning.noise import Stated, stated
from harness.commands.planning.text import outlook_lines
from harness.records.events import Event, StudyDeclared
from harness.records.folder import ResultsFolder
from harness.records.journal import JournalWriter
from harness.records.provenance import utc_now
from harness.study.plan import plan_study
from harness.study.reading.parse import parse_study
from harness.training.epoch import EpochRecord
from harness.tuning.conductor import Conductor
from harness.tuning.declaration import declare, describe
from harness.tuning.runs import RunEnd, RunSpec, Worker

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

STUDY = """\
study: forecasts
question: Which forecaster of a building's load errs least?
trial:
  command: [fit, "--rate={rate}", "--depth={depth}", "--seed={seed}", "--epochs={epochs}"]
  epochs: 6
  metrics:
    energy_error: {better: lower, scale: 1000, unit: kWh, region: 0.002}
    skill: {better: higher}
arms:
  tree: {parameters: {rate: {low: 1e-3, high: 1.0, log: true}, depth: {choices: [1, 2, 3]}}}
  net: {parameters: {rate: {low: 1e-3, high: 1.0, log: true}, depth: {choices: [1, 2, 3]}}}
  linear: {parameters: {rate: {low: 1e-3, high: 1.0, log: true}, depth: 1}}
search: {trials: 6, winner: best, audit: 1, early_stopping: {grace_epochs: 2, reduction_factor: 2}}
confirm: {seeds: 6}
baseline: linear
published: {net: {source: A, metrics: {test_energy_error: 0.31}}}
claims:
  - {says: a, better: {arm: net, than: linear, metric: test_energy_error}}
  - {says: b, better: {arm: linear, than: net, metric: test_skill}}
  - {says: c, equal: {arms: [tree, net], metric: test_energy_error}, region: 0.05}
  - {says: d, faster: {arm: net, than: linear, metric: epochs_to, target: {val_energy_error: 0.5}}}
"""
ERRORS = {"tree": 0.25, "net": 0.27, "linear": 0.40}
OF_IMAGES = ("final_accuracy", "variance", "class_accuracy", "confusions")
OF_CLASSES = re.compile(
    r"accurac|percentage|\bpp\b|\bimages?\b|\bclass|confus|\bloss(es)?\b|optimizer|initialisation",
    re.IGNORECASE,
)


def error_of(run: RunSpec, epoch: int) -> float:
    """Return a validation error that falls with the epochs, and is least at a rate of 0.03."""
    luck = 0.003 * np.random.default_rng([run.seed, len(run.arm)]).standard_normal()
    return ERRORS[run.arm] + 0.02 * abs(math.log10(run.configuration["rate"] / 0.03)) + luck + 0.2 / epoch


def drive(conductor: Conductor, lost: str = "") -> None:
    """Run a study to its end; a run whose id is `lost` diverges."""
    worker = Worker(threads=1, device="cpu", host="h", steps_per_epoch=None)
    while (run := conductor.next_run()) is not None:
        conductor.started(run.run_id)
        end = RunEnd(status="completed")
        for epoch in range(1, run.configuration["epochs"] + 1):
            error = error_of(run, epoch)
            values = {"val_energy_error": error, "val_skill": 1 - error}
            if conductor.epoch(run.run_id, EpochRecord(epoch=epoch, seconds=1.0, metrics=values), worker):
                end = RunEnd(status="stopped", reason="stopped")
                break
        if end.status == "completed" and run.phase == "confirm":
            end = RunEnd(status="completed", metrics={"test_energy_error": error, "test_skill": 1 - error})
        if run.run_id == lost:
            end = RunEnd(status="diverged", reason="no number")
        conductor.ended(run.run_id, end)


def run_study(root: Path, *overrides: str, lost: str = "") -> Path:
    """Run the study and record it; return its results folder."""
    study = parse_study(STUDY, "forecasts.yaml", overrides)
    plan, folder = plan_study(study), ResultsFolder(root)
    folder.root.mkdir(parents=True)
    declaration = declare(study, plan)
    declaration.write(folder)
    describe(study, declaration.sha256, 1).write(folder.manifest)
    events: list[Event] = [StudyDeclared(time=utc_now("microseconds"), sha256=declaration.sha256)]
    drive(Conductor(study, plan, InMemoryStorage(), events.append), lost)
    with JournalWriter(folder.journal) as journal:
        for event in events:
            journal.append(event)
    return folder.root


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facts]:
    """Return what follows from the study; tests only read it."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield Facts(load_study(run_study(tmp_path_factory.mktemp("declared") / "forecasts")))
    optuna.logging.set_verbosity(before)


def test_the_least_error_wins_the_search(facts: Facts) -> None:
    """Of the runs of full length, as the metric is better where it is lower."""
    for arm, winner in facts.records.winners.items():
        runs = facts.records.runs_of("search", arm)
        whole = runs[runs["status"] == "completed"].set_index("run_id")["val_energy_error"]
        assert winner == whole.idxmin()


def test_claims_are_ruled_by_direction_and_told_in_the_unit(facts: Facts) -> None:
    """The net errs less than the line, has the higher skill, and is at an error of 0.5 in fewer epochs."""
    measured = [(verdict.ruling, verdict.measured().partition(" (")[0]) for verdict in facts.verdicts]
    assert measured == [
        ("supported", "-124.6 ± 4.0 kWh"),
        ("contradicted", "-0.1246 ± 0.0040"),
        ("supported", "tree minus net: -10.1 ± 3.7 kWh"),
        ("supported", "\N{MULTIPLICATION SIGN}0.437"),
    ]
    assert "within ±50 kWh" in facts.verdicts[2].reason
    assert facts.leaders == ["tree"]


def test_tables_name_the_metric_with_its_unit(facts: Facts) -> None:
    """The headline first, in the readers' unit; chosen parameters in place of a recipe's columns."""
    tables = render_tables(facts)
    assert list(tables["results"].cells)[:5] == [
        "Arm",
        "Chosen parameters",
        "Validation energy_error (kWh), selected on",
        "Test energy_error (kWh)",
        "Test skill",
    ]
    shown = list(tables["results"].cells["Test energy_error (kWh)"])
    assert shown == ["298.0 ± 3.3", "308.1 ± 2.3", "432.6 ± 1.9"]
    assert "arm with the lowest true mean test energy_error is tree" in tables["results"].caption
    assert "Better is: lower energy_error, higher skill." in tables["results"].caption
    assert next(iter(tables["pairs"].cells)) == "Row minus column (kWh)"
    assert "P(row < column)" in tables["pairs"].caption
    against = ["Test energy_error (kWh)", "p (Holm), energy_error", "Test skill", "p (Holm), skill"]
    assert list(tables["differences"].cells)[2:6] == against
    assert tables["published"].cells.iloc[0, 1:4].tolist() == [
        "test energy_error (kWh)", "310", "308.1 ± 2.3"
    ]  # fmt: skip
    assert "Steps spent" not in tables["budget"].cells
    assert {"class_accuracy", "confusions", "timing"}.isdisjoint(tables)


def test_nothing_is_said_of_classes(facts: Facts) -> None:
    """No cell, caption or description of a figure speaks of accuracies, images, losses or recipes."""
    tables = render_tables(facts).values()
    texts = [table.caption for table in tables]
    texts += [str(cell) for table in tables for cell in [*table.cells, *table.cells.to_numpy().ravel()]]
    for plot in (plot for plot in PLOTS.values() if plot.is_for(facts)):
        frame = plot.compute(facts)
        texts += [plot.title, plot.caption(facts, frame), plot.alt(frame)]
    texts += [*limits(facts), *warnings(facts), *(text for row in protocol(facts.records) for text in row)]
    assert [text for text in texts if OF_CLASSES.search(text.replace("class_accuracy", ""))] == []


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("final_values", "test energy_error (kWh), lower is better"),
        ("differences", "difference in test energy_error (kWh)"),
        ("variance", "standard deviation of a test energy_error (kWh)"),
        ("metric_curves", "energy_error (kWh), lower is better"),
        ("tuning_curves", "validation energy_error (kWh), lower is better"),
        ("isolation", "validation energy_error (kWh), lower is better"),
    ],
)
def test_axes_name_the_metric_with_its_unit(facts: Facts, name: str, label: str) -> None:
    """And what is better, where values are drawn and not their differences."""
    plot = PLOTS[name]
    assert plot.is_for(facts)
    figure = plot.draw(plot.compute(facts), arm_styles(facts.records.arms))
    labels = {text for ax in figure.axes for text in (ax.get_xlabel(), ax.get_ylabel())}
    assert label in labels | {figure.get_supylabel()}


def test_figures_of_accuracy_and_loss_are_not_for_it(facts: Facts) -> None:
    """Its own take their place."""
    shown = {name for name, plot in PLOTS.items() if plot.is_for(facts)}
    assert {"final_accuracy", "accuracy_curves", "learning_curves", "learning_rates"}.isdisjoint(shown)


def test_a_diverged_run_voids_a_metric_without_a_chance_level(tmp_path: Path, facts: Facts) -> None:
    """Nobody knows what such a run would have scored, so no comparison with its arm is ruled."""
    lost = Facts(load_study(run_study(tmp_path / "lost", lost="net-confirm-0000")))
    assert [verdict.ruling for verdict in lost.verdicts] == ["not testable"] * 4
    assert "a confirm run of net diverged, which voids the mean" in lost.verdicts[0].reason
    assert lost.leaders is None
    folders = [facts.records.folder.root, lost.records.folder.root]
    text = write_comparison(folders, tmp_path / "compared").read_text(encoding="utf-8")
    assert "test energy_error (kWh)" in text
    assert "pairs of equal runs have bit-identical values of energy_error." in text
    assert not re.search("accurac|losses", text)


def test_a_heading_of_the_report_is_shown_as_it_is(tmp_path: Path) -> None:
    """A unit is text of a study: no column more, and no tag."""
    folder = run_study(tmp_path / "named", 'trial.metrics.energy_error.unit="a|<b>"')
    content = Content(facts=Facts(load_study(folder)), tables={}, figures={})
    (heading,) = re.findall(r"^\| Arm \| Test .*$", render_markdown(content), re.MULTILINE)
    assert heading.startswith(r"| Arm | Test energy\_error (a\|\<b\>) |")


def test_an_overview_of_several_metrics_names_each(facts: Facts) -> None:
    """One column for all studies, and in it what each of them measures."""
    reference = Path(__file__).parents[2] / "results" / "reference" / "batch_norm"
    folder = facts.records.folder.root
    alone = render_overview([summarise(facts, folder)], [])["index.md"]
    assert "| Test energy\\_error (kWh) |" in alone
    both = [summarise(each, folder) for each in (facts, Facts(load_study(reference)))]
    text = render_overview(both, [])["index.md"]
    assert "| Headline metric |" in text
    assert "Test accuracy (%):" in text


def test_a_plan_is_foretold_in_the_unit_of_its_metric() -> None:
    """2 kWh from run to run are 0.002 of what the program prints; of the skill nothing is known."""
    study = parse_study(STUDY, "forecasts.yaml")
    said = Stated("test_energy_error", 2.0, None)

    def known(metric: str, seeds: int | None) -> object:
        return stated(said, metric, seeds, 1000) if metric == said.metric else None

    text = "\n".join(outlook_lines(study, plan_study(study), known))  # type: ignore[arg-type]
    assert "test_energy_error: SD of a run 2 kWh; stated" in text
    assert "test_skill: nothing is known of how much it varies" in text
    assert re.search(r"a true difference of \d\.\d kWh is found", text)


@pytest.mark.parametrize(
    ("data", "chance"),
    [
        ({}, 1 / 10),
        ({"name": "emnist_letters"}, 1 / 26),
        ({"name": "idx:/my/data"}, None),
        ({"task": "regression"}, None),
    ],
)
def test_chance_follows_the_classes(
    three_arms: "Study", tmp_path: Path, data: dict[str, str], chance: float | None
) -> None:
    """One of as many as the data set has; where nobody knows how many, and without classes, there is none."""
    declared = three_arms.declaration()["dataset"] | data
    records = load_study(three_arms.write(tmp_path, dataset=declared))
    assert chance_level(records, "test_accuracy") == chance
    assert chance_level(records, "train_seconds") is None


def test_data_that_are_no_images_are_called_samples(three_arms: "Study", tmp_path: Path) -> None:
    """In every heading, caption and description of a figure, and on its axes."""
    three_arms.keep_predictions()
    declared = three_arms.declaration()["dataset"] | {"kind": "table", "split": "stratified"}
    facts = Facts(load_study(three_arms.write(tmp_path, dataset=declared)))
    tables = render_tables(facts)
    assert "On new test samples (%)" in tables["results"].cells
    figures = {name: PLOTS[name].rendered(name, facts, arm_styles(facts.records.arms)) for name in OF_IMAGES}
    texts = [text for table in tables.values() for text in [table.caption, *table.cells]]
    texts += [text for figure in figures.values() for text in (figure.caption, figure.alt)]
    texts += [*limits(facts), *(text for row in protocol(facts.records) for text in row)]
    assert [text for text in texts if re.search(r"\bimages?\b", text, re.IGNORECASE)] == []
    assert "samples" in figures["variance"].alt
