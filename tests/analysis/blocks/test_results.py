"""Results: the means of chosen configurations, their layout, and every seed behind them."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from analysis.blocks.final import compute_final, image_error_in_words
from analysis.blocks.results import RESULTS, compute_results, lay_out_results
from analysis.facts import Facts
from analysis.load import load_study

if TYPE_CHECKING:
    from tests.analysis.conftest import Study

ABSENT = "\N{EN DASH}"
LOG = {"low": 1e-4, "high": 1.0, "log": True}
PUBLISHED = ["Train loss", "Validation loss, selected on", "Test loss"]
PUBLISHED += ["Validation accuracy (%)", "Test accuracy (%)", "Minutes"]


def test_results_have_the_published_layout(results: Path) -> None:
    """Optimizer, best learning rate, losses, accuracies, minutes; the metric that chose is marked."""
    laid_out = lay_out_results(compute_results(Facts(load_study(results))))
    assert list(laid_out.columns) == ["Arm", "Optimizer", "Best learning rate", *PUBLISHED, "n"]
    assert list(laid_out["Arm"]) == ["sgd", "rmsprop", "adam"]


def test_results_are_t_intervals_over_confirm_seeds(new_study: "type[Study]", tmp_path: Path) -> None:
    """Accuracies .90 to .94: 92.0 ± 2.0 %; three epochs of 2 s are 0.1 minutes."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.90, 0.91, 0.92, 0.93, 0.94])
    frame = compute_results(Facts(load_study(study.write(tmp_path))))
    row = frame.iloc[0]
    assert (row["n"], row["minutes"]) == (5, pytest.approx(0.1))
    assert row["test_accuracy"] == pytest.approx(0.92)
    assert row["test_accuracy_half_width"] == pytest.approx(0.019632, abs=1e-6)
    assert lay_out_results(frame)["Test accuracy (%)"][0] == "92.0 ± 2.0"


def test_one_seed_has_a_value_and_no_interval(new_study: "type[Study]", tmp_path: Path) -> None:
    """A published table of single runs is shown as what it is."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.8603])
    laid_out = lay_out_results(compute_results(Facts(load_study(study.write(tmp_path)))))
    assert (laid_out["Test accuracy (%)"][0], laid_out["n"][0]) == ("86.03", "1")


def test_search_runs_never_reach_the_results(new_study: "type[Study]", tmp_path: Path) -> None:
    """Without a confirm phase there is nothing to average, however good the search looked."""
    study = new_study(arms={"sgd": {"lr": LOG}})
    study.search("sgd", [0.01, 0.1], best=0.1)
    frame = compute_results(Facts(load_study(study.write(tmp_path))))
    assert frame["n"][0] == 0
    assert frame[["train_loss", "val_loss", "test_accuracy", "minutes"]].isna().all(axis=None)
    assert frame["learning_rate"][0] == 0.1


@pytest.mark.parametrize(
    ("space", "best", "cell"),
    [
        (LOG, 0.7, "0.7 (edge ↑)"),
        (LOG, 1.2e-4, "1.2e-4 (edge ↓)"),
        (LOG, 0.04, "0.04"),
        ({"low": 1e-4, "high": 1.0}, 0.04, "0.04 (edge ↓)"),
        ({"grid": [0.01, 0.1, 1.0]}, 1.0, "1 (edge ↑)"),
    ],
)
def test_a_best_rate_at_the_edge_is_marked(
    new_study: "type[Study]", tmp_path: Path, space: dict[str, object], best: float, cell: str
) -> None:
    """Within 5 % of the log or plain range, by the declared domain: only one rate was ever tried."""
    study = new_study(arms={"sgd": {"lr": space}})
    study.search("sgd", [best], best=best)
    study.confirm("sgd", [0.9, 0.91], lr=best)
    rendered = RESULTS.table.rendered("results", Facts(load_study(study.write(tmp_path))))
    assert rendered.cells["Best learning rate"][0] == cell
    assert ("edge ↓ or ↑" in rendered.caption) == ("edge" in cell)


def test_a_fixed_rate_has_no_edge(new_study: "type[Study]", tmp_path: Path) -> None:
    """Where nothing was searched, the rate is the declared one and carries no mark."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.9, 0.91])
    laid_out = lay_out_results(compute_results(Facts(load_study(study.write(tmp_path)))))
    assert laid_out["Best learning rate"][0] == "0.01"


def test_a_diverged_seed_leaves_no_mean(new_study: "type[Study]", tmp_path: Path) -> None:
    """Eight of ten seeds train: Clopper and Pearson's 95 % interval is 44 to 97 %."""
    study = new_study(arms={"sgd": {}})
    study.confirm("sgd", [0.9, 0.91] * 4)
    for seed in (8, 9):
        study.add("sgd", "confirm", seed=seed, status="diverged", epochs=1)
    laid_out = lay_out_results(compute_results(Facts(load_study(study.write(tmp_path)))))
    assert laid_out["Test accuracy (%)"][0] == "–"  # noqa: RUF001 -- the mark of an absent value
    assert laid_out["n"][0] == "8 (2 of 10 diverged; 44 to 97 % train)"


def test_runs_that_share_a_search_have_no_interval_of_those_that_train(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """Two seeds of one search of three diverged: the runs of that search are not independent."""
    study = new_study(arms={"sgd": {"lr": LOG}})
    study.repeat("sgd", [[0.9, 0.91]] * 3)
    for run in study.runs[-2:]:
        run.status = "diverged"
    table = RESULTS.table.rendered("results", study.facts(tmp_path))
    assert table.cells["n"][0] == "2 (2 of 6 diverged)"
    assert "Clopper" not in table.caption


def test_csv_has_full_precision(results: Path) -> None:
    """Reading a CSV back gives the very numbers."""
    table = RESULTS.table.rendered("results", Facts(load_study(results)))
    back = pd.read_csv(io.StringIO(table.csv()))
    assert back["test_accuracy"].tolist() == table.numbers["test_accuracy"].tolist()


def test_final_accuracies_hold_each_seed_and_the_mean(results: Path) -> None:
    """Eight seeds and a mean an arm."""
    frame = compute_final(Facts(load_study(results)))
    assert frame["line"].value_counts().to_dict() == {"seed": 24, "mean": 3}
    assert frame.loc[frame["line"] == "mean", "n"].tolist() == [8, 8, 8]


def test_binomial_error_of_ten_thousand_images(results: Path) -> None:
    """The root of .9 * .1 / 10 000 is .003."""
    assert load_study(results).binomial_error(0.9) == pytest.approx(0.003)


def test_the_interval_for_new_test_images_is_as_wide_as_images_differ(
    new_study: "type[Study]", tmp_path: Path
) -> None:
    """Three seeds right on four images of five: nothing varies but the images, whose share has variance .2.

    The standard error is the root of .2 / 5, and Student's t with 4 degrees of freedom is 2.7764.
    """
    study = new_study(arms={"sgd": {}, "adam": {}}, labels=[0, 1, 2, 3, 4])
    study.classify("sgd", [[0, 1, 2, 3, 3]] * 3)
    study.confirm("adam", [0.7, 0.8])
    table = RESULTS.table.rendered("results", study.facts(tmp_path))
    assert table.numbers["new_images_half_width"][0] == pytest.approx(2.7764 * 0.2, abs=1e-4)
    assert list(table.cells["On new test images (%)"]) == ["80 ± 56", ABSENT]
    assert "other test images of the same kind" in table.caption


def test_studies_without_predictions_have_no_interval_for_new_test_images(results: Path) -> None:
    """Neither the column nor the words for it."""
    table = RESULTS.table.rendered("results", Facts(load_study(results)))
    assert "On new test images (%)" not in table.cells
    assert "new test images" not in table.caption


def test_other_images_move_accuracies_by_what_predictions_say(
    new_study: "type[Study]", results: Path, tmp_path: Path
) -> None:
    """The root of .2 / 5 where they are kept; else at most the root of .86 * .14 / 10 000 or .88 * .12."""
    study = new_study(arms={"sgd": {}}, labels=[0, 1, 2, 3, 4], name="kept")
    study.classify("sgd", [[0, 1, 2, 3, 3]] * 3)
    assert "by a standard error of 20.00 percentage points" in image_error_in_words(study.facts(tmp_path))
    unknown = image_error_in_words(Facts(load_study(results)))
    assert "by a standard error of up to 0.32 to 0.35 percentage points, and not all arms alike" in unknown
