"""What the page says of claims: rulings as links to the files that hold them, and what was measured."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.claims.trend import ON_AVERAGE
from analysis.metrics import USUAL
from analysis.render import numbers
from analysis.render.table import escape_markdown
from docs.generators.markdown import table


def ruled(study: str, claims: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of claims; empty of a study that declares none."""
    if not claims:
        return ""
    rows = [
        [
            escape_markdown(claim["says"]),
            ruling_link(study, number, claim, "../"),
            measured(claim),
            f"{claim['n']} {claim['unit']}",
            escape_markdown(claim["source"] or ""),
        ]
        for number, claim in enumerate(claims, start=1)
    ]
    return table(["claim", "ruling", "measured", "n", "claimed by"], rows)


def ruling_link(study: str, number: int, claim: Mapping[str, Any], root: str) -> str:
    """Return a ruling as a link to the file that holds it, whose title is the claim's number, from 1."""
    told = claim["ruling"]
    if claim["kind"] == "trend" and told == "supported":
        told += f" {ON_AVERAGE}"
    if claim["scope"] == "configuration":
        told += ", of one search"
    path = f"{root}results/reference/{study}/report/claims.json"
    return f'[{told}]({path} "claim {number}")'


def measured(claim: Mapping[str, Any]) -> str:
    """Return what a claim's ruling rests on, in the unit of the reports."""
    effect, low, high = claim["effect"], claim["low"], claim["high"]
    match claim["quantity"]:
        case None:
            return numbers.ABSENT
        case "difference":
            metric = USUAL[claim["metric"]]
            value = numbers.with_uncertainty(effect, high - effect, scale=metric.scale)
            sides = f"{claim['arm']} minus {claim['than']}: " if claim["kind"] in {"best", "equal"} else ""
            if claim["kind"] == "reaches":
                sides = f"{metric.amount(claim['value'] + effect)} {metric.value_unit}".rstrip() + ": "
            told = f"{sides}{'' if value.startswith('-') else '+'}{value}{metric.unit}{_along(claim)}"
            return escape_markdown(told)
        case "ratio":
            told = f"{numbers.TIMES}{effect:.3g} ({numbers.TIMES}{low:.3g} to {numbers.TIMES}{high:.3g})"
            return told + _along(claim)
        case "share":
            return f"{100 * effect:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
        case "place":
            return escape_markdown(f"{claim['field']} {effect:g} ({low:g} to {high:g})")
    raise ValueError(f"claims of quantity {claim['quantity']!r} have no words here yet")


def _along(claim: Mapping[str, Any]) -> str:
    """Return where a trend's change was taken."""
    return " along the fitted line" if claim["kind"] == "trend" else ""


def sharper_than_drawn(claims: Sequence[Mapping[str, Any]]) -> str:
    """Return which claims a test decides whose interval, drawn for all claims, includes no difference."""
    held = [
        f"claim {number} (p = {claim['p_adjusted']:.3f}, adjusted)"
        for number, claim in enumerate(claims, start=1)
        if claim["ruling"] in {"supported", "contradicted"}
        and claim["quantity"] == "difference"
        and claim["kind"] != "equal"
        and claim["low"] <= 0 <= claim["high"]
    ]
    if not held:
        return ""
    return (
        f"Decided though the interval, drawn wider for all claims together, includes no difference: "
        f"{', '.join(held)}. Holm's procedure, which tests them one after another, is the sharper one."
    )
