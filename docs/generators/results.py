"""The page of results, and the README's picture, from the committed studies below results/reference.

`python -m docs.generators.results` writes both again. Rulings, numbers and machines are read from typed files
(`claims.json`, tables as CSV, `manifest.json`); what stands here in words rules nothing.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.claims.trend import ON_AVERAGE
from analysis.metrics import USUAL
from analysis.render import numbers
from analysis.render.table import escape_markdown
from harness.declaration import Declaration
from harness.manifest import Manifest
from harness.records.folder import ResultsFolder

REPOSITORY = Path(__file__).parents[2]
REFERENCE = REPOSITORY / "results/reference"
PAGE = REPOSITORY / "docs/results.md"
PICTURE = REPOSITORY / "docs/answer.png"

_HEAD = """# What the shipped studies found

Two published student studies of FashionMNIST ("study A", "study B") are the starting point. A study whose
name ends in `_published` trains their recipes as they stand, on several seeds; one without that ending asks
the same question fairly, with a learning rate searched for every contestant on the same budget.

This page is made from the committed results (`python -m docs.generators.results`). A ruling is a link to the
file that holds it; [statistics](statistics.md) says what it means. *Of one search* says that a ruling is
about the configurations that one search chose. Intervals of claims are drawn together for all claims of a
study, those of arms are 95 % t-intervals, each for itself. Study A published training losses of the last
mini-batch, ours are means over an epoch: most of its values that lie elsewhere are these. What the same
studies say of our own tools is [a page of its own](tools.md).
"""

_ORDER = (
    "optimizers",
    "modern_optimizers",
    "modern_optimizers_digits",
    "time_to_accuracy",
    "time_to_accuracy_search",
    "accuracy_fcn",
    "accuracy_lenet5",
    "dropout",
    "joint",
    "architectures",
)
"""Studies that come first; the others follow by name."""

_NOTES: Mapping[str, str] = {
    "optimizers": (
        "Its plan is no blind choice: a complete run with 10 epochs and rates up to 3e-3 for Adam and RMSprop"
        " was seen before it, with Adam's rate at the edge of its range."
    ),
    "modern_optimizers": (
        "Equal trials and epochs are not equal seconds: a run of Muon took twice, one of SOAP 4.6 times as "
        "long as one of AdamW (minutes in the report's table of results), beside other work on the machine. "
        "Effects of claims that ended at the first or second look run high."
    ),
    "accuracy_fcn": (
        "The first declaration of this network's accuracy that was run to its end; a first start of it was "
        "lost with its machine after 5 search runs, before any test. Its space was chosen before, by 36 runs "
        "of one seed on validation data alone. `joint` had opened the test set for the network, without "
        "augmentation."
    ),
    "accuracy_lenet5": (
        "The first declaration of this network's accuracy. Its space was chosen before, by 7 runs of one "
        "seed on validation data alone. `architectures` had opened the test set for the network: 91.47 % "
        "after 10 epochs."
    ),
    "dropout": (
        "An earlier run of this question had one search an arm and ruled otherwise, about the configurations "
        "which that search chose. Several searches show what more seeds of one choice cannot."
    ),
    "joint": (
        "An earlier run of this question had one search of 200 trials an arm: what those two chose was 1.79 "
        "± 0.20 pp apart. These are searches of 60."
    ),
    "architectures": (
        "The published 93.13 % for a two-convolution network was measured on MNIST digits. The one here is "
        "trained with Adam, one cycle and BatchNorm for ten epochs, the rate searched."
    ),
    "time_to_accuracy": (
        "The rule of the public speed records: the mean of at least 40 runs, p < .01. Seconds are those of "
        "the training steps of a whole run, one run at a time on one hyper-thread, the images in memory; "
        "evaluation is left out. `time_to_accuracy_search` chose the recipe, on validation data alone."
    ),
    "time_to_accuracy_search": (
        "80 points on five seeds each, no claim and no test set: what it chose is `time_to_accuracy`. The "
        "arms differ in length on purpose."
    ),
    "batch_sizes_tuned": (
        "All sizes train 5 epochs, so that a batch of 1,024 takes 265 steps where one of 16 takes 16,875: "
        "the rulings are about that budget."
    ),
    "initializations": (
        "An earlier run of this question had one search an arm and decided neither claim; Kaiming uniform "
        "was 0.34 ± 0.35 pp behind Xavier normal there."
    ),
    "precision": (
        "About one network on one kind of machine, which has instructions for bf16. A run before, on another "
        "such machine, had an epoch in 0.62 of the time and equal accuracy too."
    ),
    "batch_sizes": "One run at a time on one core, which other tenants of the machine shared.",
}
"""What a reader must know of a study besides, by its name."""

_VERSIONS = {"Python": "python", "torch": "torch", "Ray": "ray", "Optuna": "optuna"}


def page() -> str:
    """Return the page as Markdown."""
    names = sorted(path.parent.parent.name for path in REFERENCE.glob("*/report/claims.json"))
    names.sort(key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))  # stable
    claims = {name: _claims_file(name)["claims"] for name in names}
    counts = Counter(claim["ruling"] for own in claims.values() for claim in own)
    told = ", ".join(f"{count} {ruling}" for ruling, count in counts.most_common())
    total = f"{len(names)} studies, {counts.total()} claims: {told}.\n"
    return "\n".join([_HEAD, total, *(_section(name, claims[name]) for name in names)])


def _claims_file(study: str) -> dict[str, Any]:
    path = REFERENCE / study / "report/claims.json"
    held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return held


def _frame(study: str, table: str) -> pd.DataFrame | None:
    path = REFERENCE / study / f"report/tables/{table}.csv"
    return pd.read_csv(path) if path.exists() else None


def _section(study: str, claims: Sequence[Mapping[str, Any]]) -> str:
    question = Declaration.read(ResultsFolder(REFERENCE / study)).question
    parts = [f"## `{study}`", question, _ruled(study, claims), _sharper_than_drawn(claims)]
    parts += [_arms(study), _as_published(study)]
    parts += [_NOTES.get(study, ""), _within(study), _origin(study)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [head, [":---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _ruled(study: str, claims: Sequence[Mapping[str, Any]]) -> str:
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
    return _table(["claim", "ruling", "measured", "n", "claimed by"], rows)


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
            return escape_markdown(f"{sides}{'' if value.startswith('-') else '+'}{value}{metric.unit}")
        case "ratio":
            return f"{numbers.TIMES}{effect:.3g} ({numbers.TIMES}{low:.3g} to {numbers.TIMES}{high:.3g})"
        case "share":
            return f"{100 * effect:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
        case "place":
            return escape_markdown(f"{claim['field']} {effect:g} ({low:g} to {high:g})")
    raise ValueError(f"claims of quantity {claim['quantity']!r} have no words here yet")


def _sharper_than_drawn(claims: Sequence[Mapping[str, Any]]) -> str:
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


def _arms(study: str) -> str:
    """Return the table of arms; empty without a confirm phase."""
    frame = _frame(study, "results")
    if frame is None:
        return ""
    accuracy = USUAL["test_accuracy"]
    is_alone = (
        pd.read_parquet(REFERENCE / study / "runs.parquet", columns=["concurrency"]).eq(1).all(axis=None)
    )
    rows = [
        [
            escape_markdown(row["arm"]),
            _rates(row),
            accuracy.amount(row["test_accuracy"], row["test_accuracy_half_width"]),
            *([training_seconds(row)] if is_alone else []),
            str(row["n"]),
        ]
        for row in frame.to_dict("records")
    ]
    times = ["training (s)"] if is_alone else []
    return _table(["arm", "learning rate", "test accuracy (%)", *times, "n"], rows)


def training_seconds(row: Mapping[Any, Any]) -> str:
    """Return how long runs of an arm took to train, evaluation left out, of a row of the table of results."""
    return numbers.with_uncertainty(row["minutes"], row["minutes_half_width"], scale=60)


def _rates(row: Mapping[Any, Any]) -> str:
    if numbers.is_present(row.get("lowest_rate")):
        return f"{numbers.rate(row['lowest_rate'])} to {numbers.rate(row['highest_rate'])}"
    return numbers.rate(row["learning_rate"])


def _as_published(study: str) -> str:
    """Return what the authors' own single runs gave of the same comparisons, where they did."""
    frame = _frame(study, "as_published")
    if frame is None or frame["first"].isna().all():
        return ""
    rows = [
        [escape_markdown(row["says"]), *(_difference(row[run], row["metric"]) for run in ("first", "second"))]
        for row in frame.to_dict("records")
        if numbers.is_present(row["first"])
    ]
    table = _table(["claim", "their run", "their second run"], rows)
    return (
        f"The authors' own differences, of one run each, from which these rules conclude nothing:\n\n{table}"
    )


def _difference(value: float, metric: str) -> str:
    spec = USUAL[metric]
    digits = 2 if spec.scale == 100 else 4
    return f"{spec.scale * value:+.{digits}f}{spec.unit}" if numbers.is_present(value) else numbers.ABSENT


def _within(study: str) -> str:
    """Return how many published values lie where single runs lie."""
    frame = _frame(study, "published")
    judged = [] if frame is None else frame["position"].dropna().tolist()
    if not judged:
        return ""
    within = judged.count("within")
    return (
        f"Published values that these runs can judge: {len(judged)}; where single runs of ours lie: {within}."
    )


def _origin(study: str) -> str:
    """Return when, where and on which versions a study ran, and where its report is."""
    manifest = Manifest.read(ResultsFolder(REFERENCE / study).manifest)
    runs = int(pd.read_parquet(REFERENCE / study / "runs.parquet", columns=["status"]).shape[0])
    versions = ", ".join(f"{name} {manifest.versions[key]}" for name, key in _VERSIONS.items())
    machine = manifest.machine
    gpus = f"{len(machine.gpus)} GPUs" if machine.gpus else "no GPU"
    sealed = "sealed" if _claims_file(study)["declaration"]["sealed"] else "not sealed (an older version)"
    return (
        f"{runs} runs, {manifest.created_at[:10]}, {machine.cpu}, {machine.cores} processors, "
        f"{machine.memory_gib:.0f} GiB, {gpus}; {versions}; declaration {sealed}. "
        f"[Report](../results/reference/{study}/report/index.html)."
    )


def main() -> None:
    """Write the page and the picture."""
    PAGE.write_text(page(), encoding="utf-8")
    from analysis.results import results

    drawn = results(REFERENCE / "optimizers").figures["final_accuracy"].png()
    if drawn is not None:
        PICTURE.write_bytes(drawn)


if __name__ == "__main__":
    main()
