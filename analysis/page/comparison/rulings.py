"""What each claim came to in each folder that declares it."""

import json
from collections.abc import Mapping, Sequence

import pandas as pd

from analysis.page.comparison.sides import Answer, Side
from analysis.render import numbers
from analysis.render.table import RenderedTable
from harness.declaration import UnknownClaim, written_claim
from harness.study.claims import Claim

_COLUMNS = [
    "claim",
    "folder",
    "ruling",
    "measured",
    "effect",
    "low",
    "high",
    "level",
    "p_adjusted",
    "n",
]


def compute_verdicts(sides: Sequence[Side]) -> pd.DataFrame:
    """Return one row a claim and folder that declares it, claims in the order in which they first appear.

    Returns: Columns `claim, folder, ruling, measured, effect, low, high, level, p_adjusted, n`. `claim` is
        its text. Claims are the same where text, kind and everything it names are; their source may differ.
    """
    frames = [_of_folder(side) for side in sides]
    whole = pd.concat(frames, ignore_index=True)
    order = {key: position for position, key in enumerate(dict.fromkeys(whole["key"]))}
    whole = whole.assign(position=whole["key"].map(order)).sort_values("position", kind="stable")
    return whole[["position", *_COLUMNS]].reset_index(drop=True)


def _of_folder(side: Side) -> pd.DataFrame:
    rows = [
        verdict.as_row()
        | {"key": key, "claim": verdict.said(), "folder": side.name, "measured": verdict.measured_where()}
        | {"ruling": verdict.ruling_in_words()}
        for key, verdict in zip(
            map(_identity, side.records.declaration.claims), side.facts.verdicts, strict=True
        )
    ]
    return pd.DataFrame(rows, columns=["key", *_COLUMNS])


def _identity(claim: Claim | UnknownClaim) -> str:
    words = written_claim(claim)
    return json.dumps({name: value for name, value in words.items() if name != "source"}, sort_keys=True)


def lay_out_verdicts(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return a row a claim: the verdict in each folder, whether they differ, and what was measured."""
    rows = []
    for _, own in frame.groupby("position", sort=False):
        rulings = dict(zip(own["folder"], own["ruling"], strict=True))
        measured = dict(zip(own["folder"], own["measured"], strict=True))
        row = {"Claim": own["claim"].iloc[0]} | {name: rulings.get(name, numbers.ABSENT) for name in names}
        row |= {"Change": change(rulings, names)}
        rows.append(row | {f"Measured, {name}": measured.get(name, numbers.ABSENT) for name in names})
    return pd.DataFrame(rows, columns=["Claim", *names, "Change", *(f"Measured, {name}" for name in names)])


def change(rulings: Mapping[str, str], names: Sequence[str]) -> str:
    """Return whether a claim's verdicts differ, or where it is not declared.

    Args:
        rulings: Folder to verdict, of the folders that declare the claim.
        names: Every folder, the first one first.
    """
    lacking = [name for name in names if name not in rulings]
    if lacking:
        return f"not in {', '.join(lacking)}"
    return "changed" if len(set(rulings.values())) > 1 else numbers.ABSENT


def caption_verdicts(frame: pd.DataFrame) -> str:
    """Return what a verdict rests on, and what a change of one does not say."""
    if frame.empty:
        return "No folder declares a claim."
    return (
        "Verdict of every claim, as each folder's own report decides it; Measured, n and corrections as "
        "there. A changed verdict does not show that the folders differ: two samples of one truth may lie on "
        "either side of a bound. Whether they differ is compared under results."
    )


def compare_verdicts(sides: Sequence[Side]) -> Answer:
    """Return the table of claims and how many verdicts of those that every folder declares changed."""
    names, frame = [side.name for side in sides], compute_verdicts(sides)
    table = RenderedTable(
        name="verdicts",
        title="Claims side by side",
        caption=caption_verdicts(frame),
        numbers=frame.drop(columns="position"),
        cells=lay_out_verdicts(frame, names),
    )
    rulings = [list(rows) for _, rows in frame.groupby("position")["ruling"]]
    changed = sum(len(each) == len(sides) and len(set(each)) > 1 for each in rulings)
    finding = f"Claims: {changed} of {len(rulings)} verdicts changed." if rulings else "Claims: none."
    return Answer(table=table, finding=finding)
