"""Responses: which runs stand at which value, their means, and that their drawing leaves nothing out."""

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from analysis import responses
from analysis.blocks.registry import PLOTS, TABLES
from analysis.blocks.response import (
    RESPONSE,
    alt_response,
    caption_response,
    compute_response,
)
from analysis.blocks.response_means import caption_means, compute_means
from analysis.blocks.response_panels import draw
from analysis.facts import Facts
from analysis.page import caveats, progress, provenance
from analysis.render.figure import arm_styles

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

RATES = {0.01: [0.5, 0.5, 0.5], 0.1: [0.30, 0.31, 0.32, 0.33, 0.34], 1.0: [0.6, 0.7]}


@pytest.fixture
def rates(new_study: "type[Study]") -> "Study":
    """Return a grid of three rates; at the largest, one of three runs diverged."""
    study = new_study(arms={"sgd": {"lr": {"grid": list(RATES)}}})
    for rate, losses in RATES.items():
        study.grid("sgd", {"lr": rate}, losses)
    study.grid("sgd", {"lr": 1.0}, [0.9], status="diverged")
    study.runs[-1].seed = 2
    study.winners = {"sgd": "sgd-search-003"}
    return study


def template(study: "Study", sizes: dict[int, float], **fixed: Any) -> None:
    """Add the arms of a template over batch sizes, each with two confirm seeds 0.01 apart."""
    for size, accuracy in sizes.items():
        arm = f"sgd@batch_size={size}" + "".join(f",{name}={value}" for name, value in fixed.items())
        study.arms[arm] = {"lr": {"low": 1e-3, "high": 1.0, "log": True}}
        study.fixed[arm] = {"optimizer": "sgd", "batch_size": size, **fixed}
        study.search(arm, [0.01], best=0.01)
        study.confirm(arm, [accuracy - 0.005, accuracy + 0.005])


def test_changes_of_images_are_levels_in_words(new_study: "type[Study]", tmp_path: Path) -> None:
    """Of a grid of whole values, and of one of a single setting."""
    none, both = ({"flip": flip, "shift": shift, "cutout": 0} for flip, shift in ((False, 0), (True, 2)))
    whole = ["none", {**none, "flip": True}, both]
    study = new_study(arms={"a": {"augment": {"grid": whole}}, "b": {"augment.shift": {"grid": [0, 2]}}})
    for augment in whole:
        study.grid("a", {"augment": augment}, [0.3, 0.4])
    for augment in (none, {**none, "shift": 2}):
        study.grid("b", {"augment": augment}, [0.5, 0.6])
    frame = compute_means(study.facts(tmp_path))
    levels = frame.groupby("arm")["level"].agg(lambda own: list(dict.fromkeys(own)))
    assert levels["a"] == ["none", "flip", "flip + shift 2"]
    assert levels["b"] == ["0", "2"]
    assert frame["n"].eq(2).all()


def drawn(facts: Facts) -> Figure:
    """Return the figure of a study's responses."""
    return draw(compute_response(facts), arm_styles(facts.records.arms))


def caption_of(name: str, facts: Facts) -> str:
    """Return what stands below a figure."""
    return PLOTS[name].caption(facts, PLOTS[name].compute(facts))


def test_means_are_t_intervals_over_seeds(rates: "Study", tmp_path: Path) -> None:
    """Losses .30 to .34: mean .32, half-width .019632; the best of two known means is marked."""
    means = compute_means(rates.facts(tmp_path))
    losses = means[means["metric"] == "val_loss"].set_index("level")
    assert losses.loc["0.1", ["mean", "half_width"]].tolist() == pytest.approx([0.32, 0.019632], abs=1e-6)
    assert losses["n"].tolist() == [3, 5, 2]
    assert losses["is_best"].tolist() == [False, True, False]
    assert means["metric"].unique().tolist() == ["train_loss", "val_loss", "val_accuracy"]


def test_no_mean_is_taken_over_survivors(rates: "Study", tmp_path: Path) -> None:
    """One of three runs at a rate of 1 diverged: no mean there, and the table says why."""
    table = RESPONSE.table.rendered("response", rates.facts(tmp_path))
    assert table.numbers.loc[table.numbers["level"] == "1", "mean"].isna().all()
    assert table.cells["n"].tolist() == ["3", "5", "2 (1 diverged)"]
    assert table.cells["Validation loss"].tolist()[1:] == ["0.320 ± 0.020 (best)", "–"]  # noqa: RUF001
    assert list(table.cells.columns)[1] == "lr"
    assert "Where a run diverged there is no mean" in table.caption


def test_equal_best_means_are_all_marked(new_study: "type[Study]", tmp_path: Path) -> None:
    """Nothing is called better than its equal."""
    study = new_study(arms={"sgd": {"lr": {"grid": [0.01, 0.1, 1.0]}}})
    for rate, loss in ((0.01, 0.5), (0.1, 0.4), (1.0, 0.4)):
        study.grid("sgd", {"lr": rate}, [loss, loss])
    means = compute_means(study.facts(tmp_path))
    assert means.loc[means["metric"] == "val_loss", "is_best"].tolist() == [False, True, True]


def test_every_run_is_drawn(rates: "Study", tmp_path: Path) -> None:
    """Ten runs with a value are dots; the diverged one and a failed one stand on the rail of each panel."""
    rates.grid("sgd", {"lr": 0.01}, [0.5], status="failed", epochs=0)
    rates.runs[-1].seed = 9
    facts = rates.facts(tmp_path)
    figure = drawn(facts)
    for ax in figure.axes:
        seeds = [len(c.get_offsets()) for c in ax.collections if isinstance(c, PathCollection)]
        marks = {line.get_marker(): len(line.get_xdata()) for line in ax.lines}
        assert seeds[0] == 10
        assert (marks["x"], marks["+"]) == (1, 1)
    assert "runs without a finite value: 2" in alt_response(compute_response(facts))


def test_diverged_runs_alone_are_a_panel_with_a_rail(new_study: "type[Study]", tmp_path: Path) -> None:
    """An arm that diverged everywhere is still there."""
    study = new_study(arms={"sgd": {"lr": {"grid": [1.0, 10.0]}}})
    for rate in (1.0, 10.0):
        study.grid("sgd", {"lr": rate}, [0.5, 0.5], status="diverged")
    figure = drawn(study.facts(tmp_path))
    crosses = [len(line.get_xdata()) for ax in figure.axes for line in ax.lines if line.get_marker() == "x"]
    assert crosses == [2, 2] * 3


def test_a_template_is_measured_by_its_confirm_runs(new_study: "type[Study]", tmp_path: Path) -> None:
    """Three arms are one line over the batch size, with test values and without the searches' runs."""
    study = new_study(arms={})
    template(study, {256: 0.88, 16: 0.86, 64: 0.90})
    facts = study.facts(tmp_path)
    (line,) = facts.lines
    assert (line.name, line.field, line.scale, line.phase) == ("sgd", "batch_size", "log2", "confirm")
    means = compute_means(facts)
    tested = means[means["metric"] == "test_accuracy"]
    assert tested["x"].tolist() == [16, 64, 256]
    assert tested["mean"].tolist() == pytest.approx([0.86, 0.90, 0.88])
    assert set(compute_response(facts)["phase"]) == {"confirm"}


def test_further_fields_of_a_template_are_lines_of_their_own(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """Points that differ in two settings are never joined."""
    study = new_study(arms={})
    template(study, {16: 0.86, 64: 0.90}, init="orthogonal")
    template(study, {16: 0.76, 64: 0.80}, init="default")
    found = study.facts(tmp_path).lines
    assert [line.name for line in found] == ["sgd, init orthogonal", "sgd, init default"]
    assert [len(line.points) for line in found] == [2, 2]


def test_a_template_over_names_has_no_response(new_study: "type[Study]", tmp_path: Path) -> None:
    """Optimizers are arms to compare, not values on an axis; nor has a study without a grid a response."""
    study = new_study(arms={"t@optimizer=sgd": {}, "t@optimizer=adam": {}})
    study.fixed = {arm: {"optimizer": arm.partition("=")[2]} for arm in study.arms}
    for arm in study.arms:
        study.confirm(arm, [0.9, 0.91])
    facts = study.facts(tmp_path)
    assert not RESPONSE.plot.is_for(facts)
    assert not RESPONSE.table.is_for(facts)


def test_a_second_field_of_a_grid_makes_lines(new_study: "type[Study]", tmp_path: Path) -> None:
    """The first numeric field lies on the axis, although a list of names comes before it."""
    space = {"init": {"grid": ["default", "orthogonal"]}, "lr": {"grid": [0.1, 0.01]}}
    study = new_study(arms={"sgd": space})
    for init, loss in (("default", 0.5), ("orthogonal", 0.4)):
        for rate in (0.1, 0.01):
            study.grid("sgd", {"init": init, "lr": rate}, [loss + rate])
    means = compute_means(study.facts(tmp_path))
    losses = means[means["metric"] == "val_loss"]
    assert losses["line"].tolist() == ["sgd, init default"] * 2 + ["sgd, init orthogonal"] * 2
    assert losses["x"].tolist() == [0.01, 0.1] * 2
    assert losses["mean"].tolist() == pytest.approx([0.51, 0.6, 0.41, 0.5])


@pytest.mark.parametrize(
    ("field", "values", "heading", "cells"),
    [
        ("beta2", [0.999, 0.9995, 0.9999], "beta2", ["0.999", "0.9995", "0.9999"]),
        ("n", [1, 1_200_000, 1_204_000], "Setting", ["n 1", "n 1.2e6", "n 1.204e6"]),
        (
            "model",
            [{"name": "fcn", "hidden": [30]}, {"name": "fcn", "hidden": [10]}, {"name": "lenet5"}],
            "model",
            ["fcn (hidden [30])", "fcn (hidden [10])", "lenet5"],
        ),
    ],
)
def test_each_value_has_a_row(
    field: str, values: list[Any], heading: str, cells: list[str], new_study: "type[Study]", tmp_path: Path
) -> None:
    """However alike they look, and whatever the setting is called: the last is the best, with n = 2."""
    study = new_study(arms={"a": {field: {"grid": values}}})
    for place, value in enumerate(values):
        study.grid("a", {field: value}, [0.9 - 0.1 * place, 0.91 - 0.1 * place])
    table = TABLES["response"].rendered("response", study.facts(tmp_path)).cells
    assert table[heading].tolist() == cells
    assert table["n"].tolist() == ["2"] * 3
    assert ["(best)" in cell for cell in table["Validation loss"]] == [False, False, True]


def test_lines_that_look_alike_are_two(new_study: "type[Study]", tmp_path: Path) -> None:
    """Their further setting is named with all its digits."""
    study = new_study(arms={"a": {"lr": {"grid": [0.1, 0.2]}, "beta2": {"grid": [0.9995, 0.9999]}}})
    for beta2 in (0.9995, 0.9999):
        for lr in (0.1, 0.2):
            study.grid("a", {"beta2": beta2}, [0.3, 0.4], lr=lr)
    frame = compute_means(study.facts(tmp_path))
    assert frame.drop_duplicates("line")["line"].tolist() == ["a, beta2 0.9995", "a, beta2 0.9999"]


def test_a_grid_of_names_is_a_list(new_study: "type[Study]", tmp_path: Path) -> None:
    """Names stand side by side as declared, and text of the study is no formula."""
    names = ["$\\frac$", "default"]
    study = new_study(arms={"sgd": {"init": {"grid": names}}})
    for name in names:
        study.grid("sgd", {"init": name}, [0.5, 0.6])
    facts = study.facts(tmp_path)
    assert facts.lines[0].scale == "listed"
    assert drawn(facts).axes


@pytest.mark.parametrize(
    ("field", "values", "scale"),
    [
        ("lr", [0.1, 0.9], "linear"),
        ("lr", [0.1, 1.0], "log"),
        ("batch_size", [256, 512], "log2"),
        ("dropout", [0.0, 0.2, 0.5], "linear"),
        ("weight_decay", [0.0, 1e-4, 1e-2], "symlog"),
        ("init", ["default", "orthogonal"], "listed"),
    ],
)
def test_the_axis_suits_the_values(field: str, values: list[Any], scale: str) -> None:
    """Logarithmic from a decade on, by twos for batch sizes, and never where a value would be lost."""
    points = [responses.Point(level=responses.as_level(v), arm="a", at={field: v}) for v in values]
    line = responses.Line(name="a", field=field, points=points, held={}, phase="search")
    assert line.scale == scale


def test_published_points_stand_where_they_were_measured(new_study: "type[Study]", tmp_path: Path) -> None:
    """One that leaves a varied setting open belongs nowhere; others only on the line of that setting."""
    space = {"lr": {"grid": [0.01, 0.1]}, "momentum": {"grid": [0.0, 0.9]}}
    study = new_study(arms={"sgd": space})
    for rate in (0.01, 0.1):
        for momentum in (0.0, 0.9):
            study.grid("sgd", {"lr": rate, "momentum": momentum}, [0.4, 0.5])
    places = [{"lr": 0.1, "momentum": 0.9}, {"lr": 0.1}, None]
    study.published = {"sgd": [{"source": "B", "at": at, "values": {"val_loss": 0.7}} for at in places]}
    facts = study.facts(tmp_path)
    frame = compute_response(facts)
    shown = frame[frame["kind"] == "published"]
    assert shown[["line", "x", "value"]].to_numpy().tolist() == [["sgd, momentum 0.9", 0.1, 0.7]]
    assert "Diamonds: published single runs (B)." in caption_response(facts, frame)


def test_losses_far_apart_have_a_logarithmic_scale(new_study: "type[Study]", tmp_path: Path) -> None:
    """From 0.4 to 500 is logarithmic; accuracies never are."""
    study = new_study(arms={"adam": {"lr": {"grid": [0.001, 10.0]}}})
    study.grid("adam", {"lr": 0.001}, [0.4, 0.41])
    study.grid("adam", {"lr": 10.0}, [480.0, 500.0])
    axes = drawn(study.facts(tmp_path)).axes
    assert [ax.get_yscale() for ax in axes] == ["log", "log", "linear"]
    assert [ax.get_xscale() for ax in axes] == ["log"] * 3


@pytest.mark.parametrize(("second", "is_shared"), [([0.45, 0.6], True), ([400.0, 500.0], False)])
def test_scales_are_shared_where_values_overlap(
    new_study: "type[Study]", tmp_path: Path, second: list[float], *, is_shared: bool
) -> None:
    """Losses of 0.4 to 0.5 and 0.45 to 0.6 compare in one scale; losses near 500 would flatten them."""
    study = new_study(arms={arm: {"lr": {"grid": [0.1, 1.0]}} for arm in ("a", "b")})
    for arm, losses in (("a", [0.4, 0.5]), ("b", second)):
        for rate, loss in zip((0.1, 1.0), losses, strict=True):
            study.grid(arm, {"lr": rate}, [loss])
    axes = drawn(study.facts(tmp_path)).axes
    assert (axes[1].get_ylim() == axes[4].get_ylim()) is is_shared


def test_many_values_are_labelled_sparsely(new_study: "type[Study]", tmp_path: Path) -> None:
    """Twelve batch sizes keep twelve ticks; every second one is named."""
    sizes = [2**power for power in range(1, 13)]
    study = new_study(arms={"sgd": {"batch_size": {"grid": sizes}}})
    for size in sizes:
        study.grid("sgd", {"batch_size": size}, [0.5])
    ax = drawn(study.facts(tmp_path)).axes[0]
    named = [label.get_text() for label in ax.get_xticklabels()]
    assert list(ax.get_xticks()) == sizes
    assert named == ["2", "", "8", "", "32", "", "128", "", "512", "", "2048", ""]
    positions = [ax.transData.transform((size, 1.0))[0] for size in sizes]
    assert len({round(after - before, 6) for before, after in pairwise(positions)}) == 1


def test_curves_of_a_repeated_grid_have_all_seeds(rates: "Study", tmp_path: Path) -> None:
    """The chosen rate of 0.1 was trained on five seeds, and not only in the run named as the winner."""
    frame = PLOTS["learning_curves"].compute(rates.facts(tmp_path))
    assert frame.loc[frame["line"] == "seed", "run_id"].nunique() == 5
    assert set(frame.loc[frame["line"] == "mean", "n"]) == {5}


def test_a_study_that_only_measures_says_so(rates: "Study", tmp_path: Path) -> None:
    """No search and no second drawing of the same rates; a sentence for what is missing."""
    facts = rates.facts(tmp_path)
    assert not TABLES["search"].is_for(facts)
    assert not PLOTS["learning_rates"].is_for(facts)
    sentence = progress.unconfirmed(facts.records)
    assert sentence is not None
    assert sentence.startswith("This study has no confirm phase")
    assert "no confirm phase" in caption_of("final_accuracy", facts)
    assert any(limit.startswith("Search runs only, on 5 seeds") for limit in caveats.limits(facts))


def test_a_study_without_a_search_speaks_of_none(new_study: "type[Study]", tmp_path: Path) -> None:
    """Fixed arms were neither chosen nor searched."""
    study = new_study(arms={"sgd": {}, "adam": {}})
    study.confirm("sgd", [0.88, 0.89])
    study.confirm("adam", [0.87, 0.88])
    facts = study.facts(tmp_path)
    captions = [caption_of(name, facts) for name in ("final_accuracy", "learning_curves")]
    words = [*captions, *caveats.limits(facts)]
    assert not any("search" in text.lower() or "chosen" in text for text in words)
    assert not TABLES["search"].is_for(facts)
    assert dict(provenance.protocol(facts.records))["Search seeds"] == "none"
    assert progress.unconfirmed(facts.records) is None


def guesses(new_study: "type[Study]", accuracy: float) -> "Study":
    """Return a grid of two rates whose last run has a validation accuracy; the others are at a tenth."""
    study = new_study(arms={"sgd": {"lr": {"grid": [0.01, 0.1]}}})
    study.grid("sgd", {"lr": 0.01}, [2.31, 2.3], val_accuracy=0.1)
    study.grid("sgd", {"lr": 0.1}, [2.3, 2.3], val_accuracy=0.1)
    study.runs[-1].val_accuracy = accuracy
    return study


def test_where_no_run_learns_none_is_the_best(new_study: "type[Study]", tmp_path: Path) -> None:
    """Untrained networks that favour a class or two are right for 18 % of the images, by luck."""
    facts = guesses(new_study, 0.18).facts(tmp_path)
    table = RESPONSE.table.rendered("response", facts)
    for heading in ("Validation loss", "Validation accuracy (%)"):
        assert not table.cells[heading].str.contains("best").any()
    assert "No run is better than guessing one of 10 classes: no value is the best." in table.caption
    frame = compute_response(facts)
    assert frame.query("kind == 'mean' and metric != 'train_loss'")["is_guessing"].all()
    panels = [ax for ax in drawn(facts).axes if ax.get_ylabel().startswith("validation")]
    texts = [text.get_text() for ax in panels for text in ax.texts]
    assert texts.count("no run is better than guessing") == len(panels) == 2
    assert not any(text.startswith("best mean") for text in texts)
    assert "No run is better than guessing" in caption_of("response", facts)


def test_one_run_that_learns_makes_a_best_mean(new_study: "type[Study]", tmp_path: Path) -> None:
    """Right three times as often as guessing, or a little more often with every seed."""
    one = guesses(new_study, 0.31)
    every = guesses(new_study, 0.121)
    every.name, every.runs[-2].val_accuracy = "every", 0.1205
    for study in (one, every):
        facts = study.facts(tmp_path)
        assert not compute_means(facts).query("metric == 'val_accuracy'")["is_guessing"].any()
        assert "guessing" not in caption_of("response", facts)


def test_an_axis_of_accuracies_does_not_go_below_nothing(new_study: "type[Study]", tmp_path: Path) -> None:
    """Nor above everything, however wide the intervals are."""
    study = new_study(arms={"sgd": {"lr": {"grid": [0.01, 0.1]}}})
    for rate, accuracies in ((0.01, (0.02, 0.2)), (0.1, (0.8, 0.99))):
        for seed, accuracy in enumerate(accuracies):
            study.grid("sgd", {"lr": rate}, [1.0], val_accuracy=accuracy)
            study.runs[-1].seed = seed
    study.search_settings["seeds"] = 2
    (ax,) = [ax for ax in drawn(study.facts(tmp_path)).axes if ax.get_ylabel() == "validation accuracy (%)"]
    assert ax.get_ylim()[0] >= 0
    assert ax.get_ylim()[1] <= 100


def test_repeated_searches_are_what_n_counts(repeated_sizes: "Study", tmp_path: Path) -> None:
    """Six confirm runs are three searches: their means have the interval, and the captions say so."""
    facts = repeated_sizes.facts(tmp_path)
    means, figure = compute_means(facts), compute_response(facts)
    of_accuracy = means.query("metric == 'test_accuracy'")
    assert of_accuracy["n"].tolist() == [3, 3]
    assert of_accuracy["mean"].tolist() == pytest.approx([0.86, 0.86])
    assert of_accuracy["half_width"].tolist() == pytest.approx([0.124207] * 2, abs=1e-6)
    assert len(figure.query("metric == 'test_accuracy' and kind == 'seed'")) == 12
    assert "t-interval over n completed repeats" in caption_means(facts, means)
    assert "t-interval over the repeats" in caption_response(facts, figure)
