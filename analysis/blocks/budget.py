"""The budget ledger: was every arm granted the same, and what did it spend?"""

import pandas as pd

from analysis import budget
from analysis.blocks import Block, Table
from analysis.facts import Facts
from analysis.render import numbers


def lay_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Return counts as they are, and spent amounts with their ratio to the mean of the arms."""
    cells: dict[str, list[str]] = {
        "Arm": list(frame["arm"]),
        "Phase": list(frame["phase"]),
        "Runs planned": [numbers.count(value) for value in frame["planned"]],
        "Runs ended": [numbers.count(value) for value in frame["ended"]],
    }
    for status in budget.STATUSES:
        cells[status.capitalize()] = [numbers.count(value) for value in frame[status]]
    cells["Epochs granted"] = [numbers.count(value) for value in frame["planned_epochs"]]
    for amount in ("epochs", "steps", "seconds"):
        cells[f"{amount.capitalize()} spent"] = [
            _with_ratio(value, ratio)
            for value, ratio in zip(frame[amount], frame[f"{amount}_ratio"], strict=True)
        ]
    return pd.DataFrame(cells)


def _with_ratio(value: float, ratio: float) -> str:
    if not numbers.is_present(ratio):
        return numbers.count(value)
    return f"{numbers.count(value)} ({numbers.TIMES}{ratio:.2f})"


def caption(facts: Facts, frame: pd.DataFrame) -> str:
    """Return how to read the ledger, and what is unequal."""
    how = (
        f"Runs planned and ended, and what they spent; {numbers.TIMES} is the ratio to the mean of the arms "
        "in that phase. Granted epochs are planned runs at full length; early stopping and divergence end "
        "runs sooner, so arms spend different shares of an equal grant. Seconds are training time, "
        "evaluation excluded."
    )
    sentences = [how]
    if "audit" in set(frame["phase"]):
        sentences.append(
            "Audit runs repeat stopped search runs afterwards: they belong to no arm's budget, and their "
            "number follows from how many runs were stopped."
        )
    if facts.unequal_budgets:
        sentences.append(
            f"UNEQUAL BUDGETS by more than 10 %, so no claim is decided: {'; '.join(facts.unequal_budgets)}."
        )
    else:
        sentences.append("Granted budgets are equal within 10 %.")
    notes = budget.spending_notes(frame)
    if notes:
        sentences.append(f"Spent amounts that differ by more than 10 %: {'; '.join(notes)}.")
    return " ".join(sentences)


BUDGET = Block(
    name="budget",
    section="trust",
    table=Table(
        title="Budget ledger",
        compute=lambda facts: budget.compute_ledger(facts.records),
        lay_out=lay_out,
        caption=caption,
    ),
)
