"""Sections on searches: their repetition, what stops their runs early, and range tests beside them."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.render import numbers
from analysis.render.table import escape_markdown
from analysis.statistics.agreement import Estimate
from analysis.tools.finding import Suggested, suggested
from analysis.tools.repetition import equal_arms, searched, told_orders
from analysis.tools.stopping import replayed, spending
from analysis.variance import sources_of_noise
from docs.generators.markdown import table
from docs.generators.tools.text import SEED, Studies, code, difference, estimate, mean_share, percent, share
from harness.records.range_test import finder_folder, read_tests
from harness.study.file import EarlyStopping
from harness.tuning.early_stopping import ArmEarlyStopping

_MOST_PAIRS = 10
"""Of a study, shown beside each other."""


def repetition_section(studies: Studies) -> Iterator[str]:
    """Yield how single searches order arms, and what they chose."""
    yield "## Does one search settle the order?"
    repeated = {name: facts for name, facts in studies.items() if searched(facts.records)}
    if not repeated:
        yield "No study here repeats its searches."
        return
    yield (
        "Each arm was searched several times, with seeds, sampler and confirm runs of its own each time. Of "
        "two arms, every search of one meets every search of the other: how often is the arm ahead that is "
        "behind by the means of all? The chance is the same for a further search of each, for normal noise "
        "(Reiser and Guttman 1986); above 50 % the means themselves may have the other order. It is measured "
        "on the searches that gave the means, which favours agreement. Of studies with more than four arms "
        "that search, each beside the baseline; of arms made by templates, each beside the next value and "
        "beside the same value of another template."
    )
    rows = []
    for name, facts in repeated.items():
        metric = facts.records.metrics.headline
        rows += [
            [
                code(name),
                escape_markdown(f"{row.arm} ahead of {row.than}"),
                f"{metric.scale * row.lead:.2f}{metric.unit}",
                str(row.n),
                f"{row.otherwise:g} of {row.pairs}",
                numbers.ABSENT if row.chance is None else percent(row.chance),
            ]
            for row in told_orders(facts.records, _MOST_PAIRS)
        ]
    yield table(["study", "arms", "lead", "searches", "pairs in the other order", "chance of it"], rows)
    reaches = [
        f"{estimate(reach, metric.scale)}{metric.unit} in {code(name)} (n = {_counts(facts)} searches)"
        for name, facts in repeated.items()
        if (reach := equal_arms(facts.records)) and (metric := facts.records.metrics.headline)
    ]
    yield (
        f"**One search of each of two equal arms can differ by {'; '.join(reaches)}**: so far apart they are "
        "at most in 95 % of cases. A smaller lead after one search of each is no more than equal arms show."
    )
    yield from _chosen(repeated)


def _counts(facts: Facts) -> int:
    return sum(len(values) for values in searched(facts.records).values())


def _chosen(studies: Studies) -> Iterator[str]:
    """Yield what each arm's searches chose, and their deviation beside that of seeds."""
    yield (
        "What the searches chose, and how far the test accuracy moves (standard deviations) between what "
        "they chose, seeds taken off, and between seeds of one choice:"
    )
    rows = []
    for name, facts in studies.items():
        metric, noise = facts.records.metrics.headline, facts.once(sources_of_noise)
        for arm, values in searched(facts.records).items():
            of_arm = {row["source"]: row for row in noise[noise["arm"] == arm].to_dict("records")}
            rows.append(
                [
                    code(name),
                    escape_markdown(arm),
                    str(len(values)),
                    _rates(facts, arm),
                    *(_deviation(of_arm[source], metric) for source in ("search", "seed")),
                ]
            )
    yield table(["study", "arm", "searches", "learning rates", "search: SD", "seed: SD"], rows)


def _rates(facts: Facts, arm: str) -> str:
    cells = facts.choices[arm].rate_cells
    is_searched = numbers.is_present(cells.get("repeats"))
    return (
        numbers.span((cells["lowest_rate"], cells["highest_rate"]), numbers.rate) if is_searched else "none"
    )


def _deviation(row: Mapping[Any, Any], metric: Metric) -> str:
    if row["basis"] == "measured":
        ends = Estimate(row["deviation"], row["low"], row["high"])
        return f"{estimate(ends, metric.scale)}{metric.unit}"
    return (
        f"at most {metric.scale * row['high']:.2g}{metric.unit}" if row["basis"] == "at most" else "not known"
    )


def stopping_section(studies: Studies) -> Iterator[str]:
    """Yield what early stopping took, and what its audits found."""
    yield "## What does early stopping save, and cost?"
    found = {name: took for name, facts in studies.items() if (took := spending(facts.records))}
    if not found:
        yield "No study here stops runs early."
        return
    yield (
        "ASHA's epochs against those of the same runs, had none been stopped. A run that diverges ends by "
        "itself and counts with its own epochs on both sides. The share is the mean over whole searches with "
        "Student's interval."
    )
    rows = [
        [
            code(name),
            str(took.searches),
            f"{took.stopped} of {took.runs}",
            f"{took.epochs:,} of {took.full_epochs:,}",
            mean_share(took.share),
        ]
        for name, took in found.items()
    ]
    yield table(["study", "searches", "runs stopped", "epochs", "share of an average search"], rows)
    epochs, full = (
        sum(getattr(took, field) for took in found.values()) for field in ("epochs", "full_epochs")
    )
    shares = [took.epochs / took.full_epochs for took in found.values()]
    yield (
        f"**Searches that stopped runs early took {numbers.span(shares, lambda share: f'{100 * share:.0f}')} "
        f"% of the epochs of full training** ({epochs:,} of {full:,} in all {len(found)} studies)."
    )
    yield from _audits({name: studies[name] for name in found})
    yield from _replays(studies)


def _audits(studies: Studies) -> Iterator[str]:
    """Yield what stopping cost, where stopped runs were trained again."""
    rows, better, searches, ended = [], 0, 0, 0
    for name, facts in studies.items():
        metric = facts.records.metrics[facts.rule.metric]
        for row in facts.audit.dropna(subset="better_searches").to_dict("records"):
            n, with_better, of = (
                row["completed"] + row["diverged"],
                row["better_searches"],
                row["audited_searches"],
            )
            better, searches, ended = better + with_better, searches + of, ended + n
            regret = f"{metric.amount(row['regret'], row['regret_half_width'])}{metric.unit}"
            cells = [str(row["searches"]), f"{n} of {row['stopped']}", share(with_better, of)]
            rows.append([code(name), escape_markdown(row["arm"]), *cells, f"{regret} ({metric.label})"])
    if not rows:
        yield (
            "What stopping cost is not known from them: no study here trained stopped runs again (`search: "
            "{audit: 5}` does)."
        )
        return
    yield (
        "What it cost, where stopped runs were trained again at full length: in how many searches one of "
        "them ended better than the winner (Clopper and Pearson's interval for the share of such searches), "
        "and the regret: by how much the best of them did, 0 if none, mean over searches with Student's "
        "interval. Single runs are compared, with their luck; runs that were not audited may raise both."
    )
    yield table(["study", "arm", "searches", "audited", "searches with a better one", "regret"], rows)
    yield (
        f"**Searches in which one of the stopped runs that were trained again ({ended / searches:.2g} of "
        f"each on average) ended better than the winner: {share(better, searches)}.**"
    )


_ASHA, _ORDERS = EarlyStopping(grace_epochs=1, reduction_factor=3), 20


def _replays(studies: Studies) -> Iterator[str]:
    """Yield what early stopping would have lost in grids that were trained whole."""
    rows: list[list[str]] = []
    of_each: list[str] = []
    for name, facts in studies.items():
        kept, grids = 0.0, 0
        metric = facts.records.metrics[facts.rule.metric]
        for row in replayed(facts.records, partial(ArmEarlyStopping, _ASHA), orders=_ORDERS, seed=SEED):
            kept, grids = kept + row.kept * row.n, grids + row.n
            cells = [f"{row.n} of {row.runs} runs", mean_share(row.share), f"{100 * row.kept:.0f} %"]
            regret = f"{difference(row.regret, metric)} ({metric.label})"
            rows.append([code(name), escape_markdown(row.arm), *cells, regret])
        if grids:
            of_each.append(f"{100 * kept / grids:.0f} % of the replays of the {grids} grids of {code(name)}")
    if not rows:
        return
    yield (
        "What it would have cost in grids whose every run was trained whole: each seed's grid searched again "
        f"by its curves, in {_ORDERS} random orders, run after run, by the same rule (first rung after 1 "
        "epoch, a third goes on). Regret: the winner's final value against the best of the grid, mean over "
        "seeds with Student's interval."
    )
    yield table(["study", "arm", "grids", "share of epochs", "best run not stopped", "regret"], rows)
    yield (
        f"**The best run was not stopped in {'; in '.join(of_each)}.** Where the points of a grid are nearly "
        "equal, losing the best costs little: the regret says how much."
    )


_RULES = {"steepest_descent": "steepest descent", "valley": "valley", "minimum_tenth": "minimum / 10"}


def finding_section(studies: Studies) -> Iterator[str]:
    """Yield how far range tests are from searched rates."""
    yield "## Does a range test find the learning rate?"
    found: list[tuple[str, Suggested]] = []
    for name, facts in studies.items():
        root = facts.records.folder.root
        if finder_folder(root).exists():
            found += [(name, row) for row in suggested(facts.records, read_tests(root))]
    if not found:
        yield "No study here has range tests beside it."
        return
    yield (
        "Rates that range tests suggest over those that whole searches found, geometric means; Welch's "
        "interval of the logarithms. The other settings of an arm stood at the middle of their ranges in the "
        "tests, and were searched with the rate in the searches. A test keeps to no schedule; a searched "
        "rate is the highest of its study's schedule."
    )
    rows = [
        [
            code(name),
            escape_markdown(row.arm),
            _RULES[row.rule],
            numbers.rate(row.suggested),
            numbers.rate(row.found),
            f"{numbers.TIMES}{row.ratio.value:.2g} ({row.ratio.low:.2g} to {row.ratio.high:.2g})",
            f"{row.tests}, {row.searches}",
        ]
        for name, row in found
    ]
    yield table(
        ["study", "arm", "rule", "suggested", "found", "suggested to found", "n tests, searches"], rows
    )
    ratios = [row.ratio for _, row in found]
    within = sum(0.5 <= ratio.value <= 2 for ratio in ratios)
    below, above = sum(ratio.high < 1 for ratio in ratios), sum(ratio.low > 1 for ratio in ratios)
    farthest = max(max(ratio.value, 1 / ratio.value) for ratio in ratios)
    yield (
        f"**{within} of {len(ratios)} suggestions lie within a factor of 2 of what searches found; the "
        f"farthest is off by a factor of {farthest:.2g}.** Of the intervals {below} lie below 1 (the "
        f"suggestion is too small) and {above} above. A range around such a suggestion has to reach "
        "as far as it may be off."
    )
