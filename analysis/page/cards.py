"""A card a claim: how it was ruled, what was measured, on how much, and what would decide it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analysis.claims import Verdict
from analysis.design import searches
from analysis.facts import Facts
from analysis.metrics import Metric
from analysis.page import axis
from analysis.records import StudyRecords
from analysis.render import numbers


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a reader of one claim wants to know first."""

    ruling: str
    """With the mark of a claim that was made after the data."""
    extent: str
    """How far the ruling reaches, where that is less than the claim may be read to say; mostly empty."""
    says: str
    source: str | None
    measured: str
    """The effect with its interval; empty where nothing was measured."""
    drawing: str | None
    """The same on an axis; None where there is none to draw."""
    n: str
    scope: str
    """What the ruling is about; empty where nothing was ruled."""
    why: str
    is_exploratory: bool
    """Whether it was made after the data, so that no error level holds."""
    decides: Sequence[str]
    """What would decide it, of an open claim."""
    flags: Sequence[str]
    """What must be known of single arms before it is believed."""


def cards(facts: Facts) -> list[Card]:
    """Return a card for every claim, in the study file's order."""
    return [_card(verdict, facts) for verdict in facts.verdicts]


def _card(verdict: Verdict, facts: Facts) -> Card:
    measured = verdict.measured_where()
    is_measured = measured != numbers.ABSENT
    effect = _effect(verdict.as_row(), facts)
    is_drawn = effect is not None and effect.is_drawable
    drawn = axis.draw(effect, f"{verdict.said()} {measured}") if effect is not None and is_drawn else None
    return Card(
        ruling=verdict.short,
        extent=verdict.extent,
        says=verdict.said(),
        source=verdict.claim.source,
        measured=measured if is_measured else "",
        drawing=drawn,
        n=f"{verdict.n} {verdict.unit}" if verdict.n else "",
        scope=_scope(verdict, facts.records),
        why=verdict.reason,
        is_exploratory=verdict.is_exploratory,
        decides=verdict.outlook(),
        flags=list(dict.fromkeys(flag.detail for flag in verdict.flags if flag.arm is not None)),
    )


def _scope(verdict: Verdict, records: StudyRecords) -> str:
    match verdict.scope:
        case "configuration":
            return "the configurations that one search chose"
        case "procedure":
            is_searched = any(searches(records, arm) for arm in verdict.replicates)
            return f"the arms as they are {'searched and ' if is_searched else ''}trained"
        case None:
            return ""


def _effect(row: dict[str, Any], facts: Facts) -> axis.Effect | None:
    """Return what is drawn of a verdict's row; None where it has no effect with an interval."""
    value, low, high = (row[name] for name in ("effect", "low", "high"))
    if not (numbers.is_present(value) and numbers.is_present(low) and numbers.is_present(high)):
        return None
    metric = facts.records.metrics.get(row["metric"] or "")
    match row["quantity"]:
        case "difference" if metric is not None:
            return _difference(metric, (value, low, high), row["equivalence"], row.get("value", 0.0))
        case "ratio":
            region = row["equivalence"]
            within = None if region is None else (1 / (1 + region), 1 + region)
            return axis.Effect(value=value, low=low, high=high, reference=1, region=within, is_log=True)
        case "share":
            return axis.Effect(value=100 * value, low=100 * low, high=100 * high)
        case "place" if low < high:
            return axis.Effect(value=value, low=low, high=high, is_log=0 < 5 * low < high)
        case _:
            return None


def _difference(
    metric: Metric, effect: tuple[float, float, float], region: float | None, origin: float
) -> axis.Effect:
    """Return a difference and the ends of its interval, drawn beside what it is a difference to.

    Args:
        metric: Whose unit they have.
        effect: Difference, lower and upper end.
        region: Half its width; None without one.
        origin: What the difference is to: a value that is to be reached, 0 for another arm.
    """
    value, low, high = (metric.scale * (origin + each) for each in effect)
    within = None if region is None else (metric.scale * (origin - region), metric.scale * (origin + region))
    return axis.Effect(value=value, low=low, high=high, reference=metric.scale * origin, region=within)
