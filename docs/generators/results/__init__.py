"""The page of results, and the README's picture, from the committed studies below results/reference.

`python -m docs.generators.results` writes both again. Rulings, numbers and machines are read from typed files
(`claims.json`, tables as CSV, `manifest.json`); what stands here in words rules nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.results import results
from docs.generators.results.arms import arms, as_published, fixed_rates, within
from docs.generators.results.claims import ruled, sharper_than_drawn
from docs.generators.results.committed import REFERENCE, REPOSITORY, claims_file
from docs.generators.results.origin import opened, origin
from harness.declaration import Declaration
from harness.records.folder import ResultsFolder

PAGE = REPOSITORY / "docs/results.md"
PICTURE = REPOSITORY / "docs/answer.png"

_HEAD = """# What the shipped studies found

Two published student studies of FashionMNIST ("study A", "study B") are the starting point. A study whose
name ends in `_published` trains their recipes as they stand, on several seeds. Most others search a learning
rate for every contestant on the same budget; arms whose rate is fixed are named.

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
    "modern_optimizers_cnn",
    "modern_optimizers_digits",
    "time_to_accuracy",
    "time_to_accuracy_search",
    "accuracy_fcn",
    "accuracy_lenet5",
    "accuracy_simple_cnn",
    "accuracy_simple_cnn_augmented",
    "dropout",
    "joint",
    "architectures",
)
"""Studies that come first; the others follow by name."""

_NOTES: Mapping[str, str] = {
    "optimizers": (
        "Its plan is no blind choice: a complete run with 10 epochs and rates up to 3e-3 for Adam and RMSprop"
        " was seen before it, with Adam's rate at the edge of its range. All arms train 12 epochs of a"
        " cosine; study A trained 50 at a constant rate, with which its 0.02 reaches 86.87 ± 0.25 %"
        " (`optimizers_published`)."
    ),
    "modern_optimizers": (
        "Equal trials and epochs are not equal seconds: a run of Muon took twice, one of SOAP 4.6 times as "
        "long as one of AdamW (minutes in the report's table of results), beside other work on the machine. "
        "Effects of claims that ended at the first or second look run high."
    ),
    "modern_optimizers_cnn": (
        "Equal trials and epochs are not equal seconds; how unequal these runs do not say, as they trained "
        "beside other work. The rate of `schedule_free`, which keeps to a constant schedule, lies at the "
        "upper edge of its range: a wider one may raise it further."
    ),
    "accuracy_fcn": (
        "The first declaration of this network's accuracy that was run to its end; a first start of it was "
        "lost with its machine after 5 search runs, before any test. Its space was chosen before, by 36 runs "
        "of one seed on validation data alone."
    ),
    "accuracy_lenet5": (
        "The first declaration of this network's accuracy. Its space was chosen before, by 7 runs of one "
        "seed on validation data alone. An earlier run of `architectures` than the one below had tested the "
        "network before it: 91.47 % after 10 epochs."
    ),
    "accuracy_simple_cnn": (
        "The first declaration of this network's accuracy. An earlier run of `architectures` than the one "
        "below had tested the network before it: 92.90 % after 10 epochs."
    ),
    "accuracy_simple_cnn_augmented": (
        "The first declaration of this network's accuracy with augmentation, whose test set is opened now; "
        "another one would be the second try. 2 runs of one seed on validation data alone chose mirroring. "
        "That `augmentation` found the same order on test data was known; an earlier run of "
        "`architectures` than the one below had tested the network without."
    ),
    "architectures_published": (
        "At this rate neither network is trained after 10 epochs. With searched rates, one cycle, BatchNorm "
        "and dropout, `architectures` has the fully connected one at 90.2 and the other at 92.8 %."
    ),
    "augmentation": (
        "The rate is one that a search chose without augmentation. Without augmentation the last epoch's "
        "training accuracy, taken with dropout, is 93.8 %, validation "
        "accuracy 93.1 %. Longer training, in which more is overfitted, is another question. Effects of "
        "claims that ended at the first look run high."
    ),
    "dropout": (
        "An earlier run of this question had one search an arm and ruled otherwise, about the configurations "
        "which that search chose. Several searches show what more seeds of one choice cannot. Run again by "
        "`make reproduce` on 2026-11-30, same versions and kind of machine, a trial that was proposed just "
        "before another ended, not after, let one search of `a_tenth` choose another rate, and the first "
        "claim's effect came out as +0.41 ± 0.37 pp (5 repeats): it lies that close to the line. The two "
        "runs are not independent: the other searches of that claim chose the same again."
    ),
    "joint": (
        "An earlier run of this question had one search of 200 trials an arm: what those two chose was 1.79 "
        "± 0.20 pp apart. These are searches of 60."
    ),
    "architectures": (
        "The published 93.13 % for a two-convolution network was measured on MNIST digits. The one here is "
        "trained with Adam, one cycle and BatchNorm for ten epochs, the rate searched. An earlier run of "
        "this question had one search an arm: what these chose was 2.76 ± 0.18 and 1.44 ± 0.27 pp apart."
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
    "batch_sizes": (
        "One run at a time on one core, which other tenants of the machine shared. An earlier run of 5 "
        "epochs took two sessions, whose seconds do not compare: neither claim could be tested there."
    ),
}
"""What a reader must know of a study besides, by its name."""


def page() -> str:
    """Return the page as Markdown."""
    names = sorted(path.parent.parent.name for path in REFERENCE.glob("*/report/claims.json"))
    names.sort(key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))  # stable
    claims = {name: claims_file(name)["claims"] for name in names}
    counts = Counter(claim["ruling"] for own in claims.values() for claim in own)
    told = ", ".join(f"{count} {ruling}" for ruling, count in counts.most_common())
    total = f"{len(names)} studies, {counts.total()} claims: {told}.\n"
    return "\n".join([_HEAD, total, *(_section(name, claims[name]) for name in names)])


def _section(study: str, claims: Sequence[Mapping[str, Any]]) -> str:
    question = Declaration.read(ResultsFolder(REFERENCE / study)).question
    parts = [f"## `{study}`", question, ruled(study, claims), sharper_than_drawn(claims)]
    parts += [arms(study), as_published(study)]
    parts += [fixed_rates(study), _NOTES.get(study, ""), opened(study, claims), within(study), origin(study)]
    return "\n\n".join(part for part in parts if part) + "\n"


def write() -> None:
    """Write the page and the picture."""
    PAGE.write_text(page(), encoding="utf-8")
    drawn = results(REFERENCE / "optimizers").figures["final_accuracy"].png()
    if drawn is not None:
        PICTURE.write_bytes(drawn)
