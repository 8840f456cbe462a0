"""What `--dry-run` foretells of a study's claims, against simulated studies and committed results."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path as FilePath

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.statistics import power
from analysis.statistics.sequential import Looks, Path, PValues, is_futile
from analysis.statistics.tests import welch
from harness.commands.planning import measured, noise, outlook
from harness.commands.planning.text import NoiseOf, outlook_lines
from harness.commands.sweep import main
from harness.study.plan import plan_study
from harness.study.reading.parse import load_study, parse_study

REPOSITORY = FilePath(__file__).parents[2]
REFERENCE = REPOSITORY / "results" / "reference" / "initializations"
"""Five arms, each searched five times, two seeds of its own a search."""

STUDIES = sorted((REPOSITORY / "search_spaces").glob("*.yaml"))


def foretell(text: str, *settings: str, known: NoiseOf = noise.assumed) -> str:
    """Return what is foretold of a study file."""
    study = parse_study(text, "s.yaml", settings)
    return "\n".join(outlook_lines(study, plan_study(study), known))


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_every_claim_of_every_study_is_told_once(file: FilePath) -> None:
    """With numbers, or with why there are none."""
    study = load_study(file)
    text = "\n".join(outlook_lines(study, plan_study(study), noise.assumed))
    named = [group for line in text.splitlines() for group in re.findall(r"^  claims? ([\d, ]+) \(", line)]
    numbers = sorted(int(number) for group in named for number in group.split(", "))
    assert numbers == list(range(1, len(study.claims) + 1))


def outlook_of(test: power.Test, n: int, *, kind: str, arms: int, region: float) -> outlook.Outlook:
    """Return what is foretold of three claims, of arms whose replicates have a deviation of 1."""
    deviation = noise.exactly(np.sqrt(2))
    return outlook.Outlook(
        kind=kind,
        comparison=outlook.Comparison(test, n, "seeds", deviation),
        n_compared={"better": 1, "best": arms - 1, "equal": arms * (arms - 1) // 2}[kind],
        region=region,
        first_alpha=0.05 / 3,
        last_alpha=0.05,
    )


def p_values(values: np.ndarray, test: power.Test, region: float | None = None) -> np.ndarray:
    """Return p-values of the first arm's differences to the others.

    Args:
        values: Shape `(n_studies, n_arms, n)`.
        test: How arms are compared.
        region: None for two-sided tests against 0; the others are of two one-sided tests within it.

    Returns: Shape `(n_studies, n_arms - 1)`.
    """
    first, others = values[:, :1], values[:, 1:]
    if test == "paired":
        found = stats.ttest_1samp(first - others, 0.0, axis=-1)
        error = np.std(first - others, axis=-1, ddof=1) / np.sqrt(values.shape[-1])
    else:
        found = stats.ttest_ind(np.broadcast_to(first, others.shape), others, axis=-1, equal_var=False)
        error = np.sqrt((first.var(axis=-1, ddof=1) + others.var(axis=-1, ddof=1)) / values.shape[-1])
    if region is None:
        return np.asarray(found.pvalue)
    gap = np.abs(first.mean(axis=-1) - others.mean(axis=-1))
    return np.asarray(stats.t.sf((region - gap) / error, found.df))


@pytest.mark.parametrize("test", ["paired", "welch"])
@pytest.mark.parametrize(("n", "arms"), [(5, 2), (10, 2), (5, 4), (10, 4)])
def test_what_is_foretold_comes_true(test: power.Test, n: int, arms: int) -> None:
    """In 20,000 simulated studies at the level of Holm's first step; of several rivals at least so often."""
    n_studies, tolerance = 20_000, 0.01
    told = outlook_of(test, n, kind="better" if arms == 2 else "best", arms=arms, region=1.6)
    values = np.random.default_rng(n).normal(size=(n_studies, arms, n))
    within = p_values(values, test, region=1.6).min(axis=1) * (arms - 1) < 0.05 / 3
    values[:, 0] += told.found.likely
    found = (p_values(values, test) < 0.05 / 3).all(axis=1) & (
        values[:, :1].mean(axis=-1) > values[:, 1:].mean(axis=-1)
    ).all(axis=1)
    assert told.equivalent is not None
    if arms == 2:
        assert found.mean() == pytest.approx(0.8, abs=tolerance)
        assert within.mean() == pytest.approx(told.equivalent.likely, abs=tolerance)
    else:
        assert found.mean() >= 0.8 - tolerance
        assert within.mean() >= told.equivalent.likely - tolerance


@pytest.mark.full
@pytest.mark.parametrize("region", [1.0, 1.6])
@pytest.mark.parametrize("looks", [(5, 8, 12), (5, 8, 12, 20)])
def test_what_is_foretold_of_the_last_look_is_about_right(looks: tuple[int, ...], region: float) -> None:
    """Earlier looks find a little more; stopping for futility costs up to half of "equivalent"."""
    told = outlook_of("welch", looks[-1], kind="better", arms=2, region=region)
    told = replace(told, first_alpha=0.05 / 3 / len(looks))
    generator = np.random.default_rng(0)
    assert told.equivalent is not None
    shares = {}
    for true, ruling in ((told.found.likely, "ahead"), (0.0, "inside")):
        rulings = [
            ruled(generator.normal(true, 1.0, looks[-1]), generator.normal(size=looks[-1]), looks, region)
            for _ in range(3_000)
        ]
        shares[ruling] = rulings.count(ruling) / 3_000
    assert shares["ahead"] == pytest.approx(0.8, abs=0.05)
    assert told.equivalent.likely / 2 < shares["inside"] + 0.01 < told.equivalent.likely + 0.03


def ruled(first: np.ndarray, second: np.ndarray, looks: tuple[int, ...], region: float) -> str:
    """Return which p-value decides one of three claims at Holm's first step, over the looks."""
    path = Path(plan=Looks.even(looks))
    for look, n in enumerate(looks):
        difference = welch(first[:n].tolist(), second[:n].tolist())
        assert difference is not None
        path = path.add(look, PValues.of(difference, region))
        for name, p in (("ahead", path.ahead), ("behind", path.behind), ("inside", path.inside)):
            if p < 0.05 / 3:
                return name
        if look < path.plan.last and is_futile(difference, look, path.plan, 3, region):
            break
    return "open"


@pytest.mark.parametrize("test", ["paired", "welch"])
def test_replicates_that_are_said_to_suffice_do(test: power.Test) -> None:
    """As many as the region takes find a difference of its width, and rule equal arms equivalent."""
    told = outlook_of(test, 5, kind="better", arms=2, region=1.0)
    assert told.to_find is not None
    assert told.to_find.likely is not None
    assert told.to_show_equal is not None
    assert told.to_show_equal.likely is not None
    generator = np.random.default_rng(0)
    values = generator.normal(size=(20_000, 2, told.to_find.likely))
    values[:, 0] += 1.0
    assert (p_values(values, test) < 0.05 / 3).mean() == pytest.approx(0.81, abs=0.02)
    values = generator.normal(size=(20_000, 2, told.to_show_equal.likely))
    assert (p_values(values, test, region=1.0) < 0.05 / 3).mean() == pytest.approx(0.81, abs=0.02)


def test_what_is_foretold_of_repeats_that_are_compared_with_seeds(study_text: str) -> None:
    """An arm that searches nothing has repeats x seeds seeds, and no noise of searches."""
    settings = ("search.repeats=5", "confirm.seeds=2", "arms.adam={optimizer: adam, lr: 1e-3}")
    study = parse_study(study_text, "s.yaml", settings)
    plan = plan_study(study)
    known = noise.stated(noise.Stated(None, 0.2, 0.1), "test_accuracy", 2, 100)
    comparison = outlook.hardest([(study.arms[0], study.arms[1])], plan, known)
    assert comparison is not None
    assert (comparison.test, comparison.n, comparison.counts) == ("welch", 5, "repeats")
    assert comparison.deviation.likely == pytest.approx(0.01 * np.sqrt(0.1**2 + 2 * 0.2**2 / 2))
    told = outlook.Outlook(
        kind="better", comparison=comparison, n_compared=1, region=None, first_alpha=0.05, last_alpha=0.05
    )
    generator = np.random.default_rng(0)
    searched = generator.normal(told.found.likely, 0.01 * np.sqrt(0.1**2 + 0.2**2 / 2), (20_000, 5))
    fixed = generator.normal(0.0, 0.002, (20_000, 10))
    found = stats.ttest_ind(searched, fixed, axis=1, equal_var=False).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.03)


def test_the_levels_are_those_of_the_last_look(study_text: str) -> None:
    """Four looks leave a quarter of alpha to the last one, three claims a third of that to the first step."""
    study = parse_study(study_text, "s.yaml", ("search.repeats={min: 5, max: 20}",))
    assert outlook.levels(plan_study(study), 3) == pytest.approx((0.05 / 12, 0.05 / 4))
    assert "by the last look alone (20 repeats);" in foretell(study.text, "search.repeats={min: 5, max: 20}")


def test_earlier_results_tell_the_noise_that_they_rest_on(study_text: str) -> None:
    """Seeds that arms share leave their luck in a run, and not in the paired differences."""
    earlier = REFERENCE.with_name("batch_norm_published")
    known = measured.Earlier.of(earlier, ["of another study"]).noise("test_accuracy", 2)
    runs = pd.read_parquet(earlier / "runs.parquet")
    table = runs[runs["phase"] == "confirm"].pivot_table(index="seed", columns="arm", values="test_accuracy")
    assert known is not None
    assert known.paired is not None
    assert known.run.likely == pytest.approx(np.sqrt(table.var().mean()))
    gaps = [table[one] - table[other] for one, other in combinations(table, 2)]
    assert 2 * known.paired.likely**2 == pytest.approx(np.mean([gap.var() for gap in gaps]))
    assert known.run.low < known.run.likely < known.run.high
    text = foretell(study_text, known=measured.Earlier.of(earlier, ["base", "batch_norm"]).noise)
    assert "10 runs of 2 arms" in text


def test_one_earlier_search_tells_nothing_of_searching(study_text: str) -> None:
    """What searches add to the noise of runs stays assumed, and is called so."""
    earlier = measured.Earlier.of(REFERENCE.with_name("accuracy_fcn"), [])
    text = foretell(study_text, known=earlier.noise)
    assert "20 runs of 1 arm" in text
    assert "one search an arm: that of searches is assumed" in text


def test_what_is_assumed_of_runs_is_what_reference_studies_measured() -> None:
    """Two thirds of their arms lie within the range that is told, half below its middle."""
    deviations: list[float] = []
    for file in sorted(REFERENCE.parent.glob("*/runs.parquet")):
        runs = pd.read_parquet(file)
        is_measured = (runs["phase"] == "confirm") & (runs["status"] == "completed")
        within = runs[is_measured].groupby(["arm", "repeat"])["test_accuracy"].var()
        deviations += within.groupby("arm").mean().pow(0.5).dropna().tolist()
    likely, low, high = noise._RUN
    assert np.mean([low <= round(each, 4) <= high for each in deviations]) > 2 / 3
    assert np.median(deviations) == pytest.approx(likely, rel=0.1)


def test_components_of_repeats_are_told_apart() -> None:
    """A study of 400 repeats x 2 seeds has the deviations that made it, for other numbers of seeds too."""
    generator = np.random.default_rng(0)
    searches = generator.normal(0.0, 0.3, (2, 200, 1))
    values = searches + generator.normal(0.0, 1.0, (2, 200, 2))
    places = np.indices(values.shape).reshape(3, -1)
    runs = pd.DataFrame({"arm": places[0], "group": places[1], "is_searched": True, "metric": values.ravel()})
    within, between = measured._within(runs, "metric"), measured._between(runs, "metric")
    assert within is not None
    assert between is not None
    assert within.variance == pytest.approx(1.0, rel=0.15)
    assert measured._over_searches(between, within).likely == pytest.approx(0.3, abs=0.15)
    for seeds in (1, 2, 5):
        repeat = measured._of_repeats(between, within, seeds)
        assert repeat.variance == pytest.approx(0.09 + 1 / seeds, rel=0.15)
        assert repeat.spread.low < np.sqrt(0.09 + 1 / seeds) < 1.05 * repeat.spread.high


def test_the_upper_limit_of_the_deviation_holds_in_80_percent() -> None:
    """And in up to 90 of repeats with more seeds than were measured; degrees of freedom by Satterthwaite."""
    generator, n_studies = np.random.default_rng(0), 4_000
    values = generator.normal(0, 0.1, (n_studies, 3, 5, 1)) + generator.normal(0, 0.25, (n_studies, 3, 5, 2))
    squares = values.mean(axis=3).var(axis=2, ddof=1).mean(axis=1), values.var(axis=3, ddof=1).mean((1, 2))
    for seeds, most in ((1, 0.83), (2, 0.83), (4, 0.9)):
        highs = [
            measured._of_repeats(
                measured.Between(square=measured.MeanSquare(between, 12), seeds=2, repeats=15),
                measured.MeanSquare(within, 15),
                seeds,
            ).spread.high
            for between, within in zip(*squares, strict=True)
        ]
        truth = np.hypot(0.1, 0.25 / np.sqrt(seeds))
        assert 0.78 < np.mean(np.array(highs) > truth) < most


def test_nothing_is_foretold_of_what_is_not_known(study_text: str) -> None:
    """No deviation of losses is assumed, and a remedy is told; a stated one gives numbers."""
    of_losses = study_text.replace("metric: test_accuracy", "metric: test_loss")
    assert "not foretold: nothing is known of how much it varies. Remedy: --sd test_loss=" in foretell(
        of_losses
    )
    said = noise.sd_argument("test_loss=0.02,0.01")
    text = foretell(of_losses, known=lambda metric, seeds: noise.stated(said, metric, seeds, 1))
    assert "SD of a run 0.02, of a search 0.01; stated" in text
    assert "no region of equivalence is declared for test loss" in text


def test_what_is_foretold_of_a_value_comes_true(study_text: str) -> None:
    """One-sided, at the level of one claim of two: found in 80 % of 20,000 simulated studies."""
    reached = "{says: r, reaches: {arm: adam, metric: test_accuracy, at_least: 0.9}}"
    text = study_text.replace("claims:\n", f"claims:\n  - {reached}\n")
    study = parse_study(text, "s.yaml", ("confirm.seeds=10",))
    tested = outlook.alone(study.arms[1], plan_study(study), noise.assumed("test_accuracy", None))  # type: ignore[arg-type]
    assert tested == outlook.Comparison("paired", 10, "seeds", noise._RUN)
    told = outlook.Outlook(
        kind="reaches", comparison=tested, n_compared=1, region=None, first_alpha=0.05, last_alpha=0.1
    )
    values = np.random.default_rng(6).normal(0.9 + told.found.likely, noise._RUN.likely, (20_000, 10))
    found = stats.ttest_1samp(values, 0.9, axis=1, alternative="greater").pvalue < 0.025
    assert found.mean() == pytest.approx(0.8, abs=0.01)
    said = foretell(text, "confirm.seeds=10")
    assert "claim 1 (reaches, test_accuracy): 10 seeds of SD 0.22 pp (0.1 to 0.38), tested one-sided" in said
    amounts = f"{100 * told.found.likely:.2g} pp"
    assert f"a true lead over 90 % of {amounts}" in said
    assert "about the configurations that one search chooses" in said


def test_too_few_replicates_are_told(study_text: str) -> None:
    """One seed decides nothing; six runs cannot show that most diverge."""
    assert "one replicate shows no spread. Remedy: more confirm.seeds" in foretell(
        study_text, "confirm.seeds=1"
    )
    assert "the study confirms nothing. Remedy: confirm:" in foretell(study_text, "confirm.seeds=0")
    diverging = "claims=[{says: It diverges., diverges: {arm: sgd}}]"
    assert "5 runs cannot support it, even if all diverge; 6 could" in foretell(
        study_text, diverging, "confirm.seeds=5"
    )
    assert "of 6 runs" not in foretell(study_text, diverging, "confirm.seeds=6")
    of_searches = foretell(study_text, diverging, "search.repeats=5", "confirm.seeds=4")
    assert "5 runs cannot support it, even if all diverge; 6 could" in of_searches


GRID = (
    "arms={{a: {{optimizer: sgd, lr: {{grid: [0.01, 0.1, 1]}}}}, "
    "b: {{optimizer: sgd, lr: 0.1, for_each: {{batch_size: [16, 32, 64]}}}}}}"
)


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        (
            "monotone: {arm: a, over: lr, metric: test_loss, direction: rises}",
            "test_loss is of confirm runs, and those of a grid are search runs. Remedy: metric: val_loss",
        ),
        (
            "trend: {arm: b, over: batch_size, metric: test_loss, direction: rises}",
            "test_loss is of confirm runs, and the study confirms nothing. Remedy: metric: val_loss",
        ),
        ("diverges: {arm: a}", "the study confirms nothing. Remedy: confirm: {seeds: 10}"),
        (
            "faster: {arm: a, than: b@batch_size=16}",
            "the study confirms nothing. Remedy: confirm: {seeds: 10}",
        ),
        ("optimum: {arm: a, field: lr, at: 0.1, metric: val_loss}", None),
        ("trend: {arm: b, over: batch_size, metric: val_loss, direction: rises}", None),
        ("diverges: {arm: a, at: {lr: 1}}", None),
    ],
)
def test_claims_that_no_run_can_decide_are_told(study_text: str, claim: str, told: str | None) -> None:
    """Nothing was confirmed, and a dry run told how many more runs would do."""
    settings = (GRID.format(), "search={sampler: grid, seeds: 5}", "confirm.seeds=0")
    text = foretell(study_text, f"claims=[{{says: x, {claim}}}]", *settings)
    assert (f"cannot be tested: {told}" in text) if told else ("cannot be tested" not in text)


def test_a_response_of_too_few_values_or_of_a_search_is_told(study_text: str) -> None:
    """Two rates have no order, and TPE measures none."""
    trend = "claims=[{says: x, trend: {arm: sgd, over: lr, metric: val_loss, direction: rises}}]"
    assert "lr of sgd is searched by tpe, which measures no response. Remedy: sampler: grid" in foretell(
        study_text, trend
    )
    two = ("arms={sgd: {optimizer: sgd, lr: {grid: [0.1, 1]}}}", "search={sampler: grid, seeds: 5}")
    assert "a trend needs three values of lr, but there are 2" in foretell(study_text, trend, *two)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0.25", noise.Stated(None, 0.25, None)),
        ("0.25,0.1", noise.Stated(None, 0.25, 0.1)),
        ("test_loss=0.02,0", noise.Stated("test_loss", 0.02, 0.0)),
    ],
)
def test_what_a_user_states(text: str, told: noise.Stated) -> None:
    """The run's deviation, the search's where it is given, and of which metric."""
    assert noise.sd_argument(text) == told


def test_what_is_stated_of_a_metric_goes_before_what_is_stated_of_accuracies() -> None:
    """And nothing is stated of losses by a bare number."""
    said = [noise.sd_argument("0.25"), noise.sd_argument("val_accuracy=0.5")]
    assert noise.stated_for("val_accuracy", said) == said[1]
    assert noise.stated_for("test_accuracy", said) == said[0]
    assert noise.stated_for("test_loss", said) is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--sd", "much"), "must be RUN or RUN,SEARCH"),
        (("--sd", "0"), "a standard deviation above 0"),
        (("--sd", "nan"), "a standard deviation above 0"),
        (("--slots", "0"), "must be a whole number of runs, at least 1"),
        (("--sd", "0.2", "--from", str(REFERENCE)), "not allowed with"),
    ],
)
def test_bad_options_are_refused(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, with the rule."""
    with pytest.raises(SystemExit) as refused:
        main([str(STUDIES[0]), "--dry-run", *arguments])
    assert refused.value.code == 2
    assert told in capsys.readouterr().err


def test_a_deviation_of_an_unknown_metric_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, with the metrics that the study has."""
    assert main([str(STUDIES[0]), "--dry-run", "--sd", "test_acuracy=0.3"]) == 2
    assert "is no metric of the study. Did you mean 'test_accuracy'?" in capsys.readouterr().err


def test_options_of_a_dry_run_are_refused_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    """They would silently change nothing."""
    with pytest.raises(SystemExit) as refused:
        main([str(STUDIES[0]), "--slots", "4", "--measure"])
    assert refused.value.code == 2
    assert "--slots and --measure: only --dry-run foretells" in capsys.readouterr().err


def test_a_folder_without_results_is_refused(tmp_path: FilePath, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, with the remedy."""
    assert main([str(STUDIES[0]), "--dry-run", "--from", str(tmp_path)]) == 2
    assert "holds no results of a study. Remedy: a folder that" in capsys.readouterr().err
    grid = REFERENCE.with_name("learning_rates")
    assert main([str(STUDIES[0]), "--dry-run", "--from", str(grid)]) == 2
    assert "no arm has two completed confirm runs" in capsys.readouterr().err


def test_a_dry_run_by_earlier_results_imports_neither_torch_nor_ray(
    repository: FilePath, tmp_path: FilePath
) -> None:
    """It tells what the study can show, and what it costs on as many slots as are given."""
    script = (
        "import sys; from harness.commands.sweep import main; code = main(sys.argv[1:]); "
        "print({'ray', 'torch'} & set(sys.modules)); sys.exit(code)"
    )
    arguments = ("search_spaces/initializations.yaml", "--from", "results/reference/initializations")
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments, "--dry-run", "--slots", "8"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("set()\n")
    said = " ".join(done.stdout.split())
    assert "measured in results/reference/initializations: 50 runs of 5 arms" in said
    assert "costs: 350 runs" in said
    assert "minutes on 8 slots of 1 CPU" in said


def test_what_a_program_costs_is_told_once_earlier_runs_have_shown_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its epochs at once; their time by those of an earlier study; before, nothing is made up."""
    study = str(REPOSITORY / "examples" / "programs" / "network.yaml")
    assert main([study, "--dry-run"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(r"about 1\d\d \(1\d\d to 1\d\d\) epochs in all hours: not measured", said)
    assert "one random rank in its search" in said
    assert main([study, "--dry-run", "--from", str(REFERENCE), "--slots", "2"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(r"about [\d.]+ \([\d.]+ to [\d.]+\) minutes on 2 slots of 1 CPU, and a quarter", said)
    assert "epochs as in " in said
    assert "search runs reach what some of " in said


def test_more_slots_than_runs_shorten_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """On a thousand slots both searches of 6 runs train at once, and it is told that no more ever do."""
    study = REPOSITORY / "examples" / "programs" / "network.yaml"
    assert main([str(study), "--dry-run", "--from", str(REFERENCE), "--slots", "1000"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "never do more than 12 runs train at once: no further slot shortens it" in said
    assert re.search(
        r"slots stand idle 99 % of that time: \d\d % until searches end, \d\d % at the end", said
    )
