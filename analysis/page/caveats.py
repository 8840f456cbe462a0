"""What a reader must know before believing a study's tables, and what the study cannot show."""

from collections.abc import Sequence

from analysis import audit, claims
from analysis.blocks.early_stopping_audit import searches_in_words
from analysis.blocks.final import image_error_in_words
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.page import progress
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.responses import chose_nothing
from harness.recipe.datasets import DATASETS


def warnings(facts: Facts) -> list[str]:
    """Return what a reader must know before believing the tables."""
    seal = facts.records.seal
    sentences = [f"No claim is decided: {seal.in_words()}."] if seal.state == "broken" else []
    undecided = ", so no claim is decided" if facts.verdicts else ""
    sentences += [f"Unequal budgets{undecided}: {reason}." for reason in facts.unequal_budgets]
    sentences += progress.given_up(facts.records)
    sentences += _at_edges(facts)
    sentences += _doubts(facts.verdicts)
    for (arm, phase), ended in facts.records.runs.groupby(["arm", "phase"], sort=False):
        if phase != "audit" and ended["status"].isin(["diverged", "failed"]).all():
            sentences.append(f"Every {phase} run of arm {arm} diverged or failed.")
    return sentences + _stopped_too_soon(facts)


def _at_edges(facts: Facts) -> list[str]:
    """Return a sentence for each edge of a range where learning rates of arms were chosen."""
    sentences = []
    for edge in ("lower", "upper"):
        rates = [
            f"{arm} ({numbers.rates(choice.rate_cells)})"
            for arm, choice in facts.choices.items()
            if choice.edge == edge and not chose_nothing(facts.records, arm)
        ]
        if rates:
            sentences.append(
                f"Chosen at the {edge} edge of the declared range, so that a wider one may change results: "
                f"the learning rate of {', '.join(rates)}."
            )
    return sentences


def _doubts(verdicts: Sequence[claims.Verdict]) -> list[str]:
    """Return a sentence for every flag of a claim that no other warning tells."""
    flags = [flag for verdict in verdicts for flag in verdict.flags]
    told = [flag.detail for flag in flags if flag.name not in {"edge", "diverged seeds", "unequal budget"}]
    return [f"{detail[0].upper()}{detail[1:]}." for detail in dict.fromkeys(told)]


def _stopped_too_soon(facts: Facts) -> list[str]:
    """Return one sentence for all arms whose audit found stopped runs that ended better than the winner."""
    found = facts.audit[facts.audit["better_searches"].fillna(0) > 0].to_dict("records")
    if not found:
        return []
    arms = [
        f"{row['arm']} in {searches_in_words(row)} "
        f"({_in_unit(row['regret'], facts.records.metrics[row['metric']])})"
        for row in found
    ]
    mean = ", mean over searches" if max(row["searches"] for row in found) > 1 else ""
    told = f"in brackets: by how much the best of them did{mean}"
    ended = "Early stopping ended runs that, trained again at full length, ended better than the winner"
    return [f"{ended} ({told}): {', '.join(arms)}."]


def _in_unit(value: float, metric: Metric) -> str:
    return f"{metric.amount(value)}{metric.unit}"


def limits(facts: Facts) -> list[str]:
    """Return what this study cannot show, as far as its records tell."""
    records = facts.records
    known = list(records.declaration.datasets) or [data.name for data in records.declaration.all_data]
    count = "One data set" if len(known) == 1 else f"{len(known)} data sets"
    extent = f"{count} ({', '.join(known)}) and the networks listed above"
    sentences = [f"{extent if known else 'One program and its data'}: nothing is shown about others."]
    if records.declaration.trial is not None:
        sentences.append(
            "Times are those from one printed epoch to the next, whatever a program did meanwhile."
        )
    specs = [DATASETS[data.name] for data in records.declaration.all_data if data.name in DATASETS]
    sentences += [f"On {spec.name}: {spec.note}" for spec in specs if spec.note]
    sentences.append(_limit_of_seeds(records))
    of_images = {name: image_error_in_words(part) for name, part in (facts.parts or {"": facts}).items()}
    sentences += [
        f"{f'On {name}: ' if name else ''}{records.metrics.worded(told)}"
        for name, told in of_images.items()
        if told
    ]
    sentences.append("Comparisons that are not among the declared claims are exploratory.")
    if (records.runs["concurrency"] > 1).any():
        sentences.append("Several runs trained at the same time: seconds and minutes are not comparable.")
    if (records.runs["status"] == "stopped").any():
        audited = "" if audit.is_asked(records) else " Whether any would have won was not audited."
        sentences.append(
            f"Stopped search runs are shorter than the others; no comparison of arms uses them.{audited}"
        )
    return sentences


def _limit_of_seeds(records: StudyRecords) -> str:
    if not records.has_confirm:
        seeds = len(records.declaration.search_seeds)
        return (
            f"Search runs only, on {seeds} {'seed' if seeds == 1 else 'seeds'}: the best of several values "
            "is optimistic, and no test value exists."
        )
    confirm = records.runs_of("confirm")
    completed = confirm.loc[confirm["status"] == "completed", "arm"].value_counts()
    fewest = min(int(completed.get(arm, 0)) for arm in records.arms)
    if fewest == 0:
        return "At least one arm has no completed confirm run; values of search runs are optimistic."
    if fewest == 1:
        return "A single seed in at least one arm: no difference from it can be told from noise."
    what = "confirm runs" if records.is_repeated else "confirm seeds"
    once = "; the search ran once, so how much another search would change the choice is not measured"
    several = f"; each of {records.max_repeats} searches an arm has its own, and is one replicate"
    of_searches = several if records.is_repeated else once if records.has_search else ""
    return f"At least {fewest} {what} an arm. They vary {records.seeds_vary}{of_searches}."
