"""What stands below the claims table: by which rules, and about what, its claims are ruled."""

from collections import Counter
from collections.abc import Sequence

from analysis import claims, statistics
from analysis.claims.verdict import supported_by_arm
from analysis.design import counted_in_words
from analysis.facts import Facts
from analysis.replicates import chance_level, n_collapsed, replicates
from harness.study.claims import AVERAGE, EVERY, WITHOUT_REGION, Claim


def caption_verdicts(facts: Facts, verdicts: Sequence[claims.Verdict]) -> str:
    """Return by which rules the claims were decided."""
    if not verdicts:
        return "The study declares no claims: any comparison read from it is exploratory."
    kinds = {verdict.claim.kind for verdict in verdicts}
    is_of_pairs = kinds != {"reaches"}
    how = [_declared(facts), *([_measured(facts)] if is_of_pairs else []), _ruled(facts)]
    rows = [verdict.as_row() for verdict in verdicts]
    share = (
        "P(better): share of all pairs of replicates in which the first arm's is the better one; it "
        "describes and decides nothing."
    )
    shares = [share] if any(row["improvement"] is not None for row in rows) else []
    notes = [kind.note for name, kind in claims.KINDS.items() if name in kinds and kind.note is not None]
    regions = _regions(_decided_regions(facts, verdicts) | _untested_regions(facts, verdicts), facts)
    equivalent = f"Equivalent: two one-sided tests put the difference inside the declared region ({regions})."
    declaration = facts.records.declaration
    data = ", ".join(declaration.datasets or [own.name for own in declaration.all_data])
    extent = f"{data} and these networks" if data else "this program and its data"
    about = [*_of_one_search(verdicts), *_looks(facts), *_left_open(facts, verdicts), *_new_images(verdicts)]
    about += [*_carried(verdicts), *_of_datasets(verdicts)]
    region = [equivalent] if is_of_pairs else []
    return " ".join([*how, *shares, *notes, *region, *about, _NORMAL, f"Holds for {extent} only."])


def _declared(facts: Facts) -> str:
    """Return what is known of when the claims were made."""
    seal, parent = facts.records.seal, facts.records.declaration.parent
    match seal.state:
        case "sealed" if parent is not None:
            return (
                f"Claims as declared by {seal.short}, after the results of its parent {parent.study} "
                f"({parent.sha256[:12]}) were known. {_made(facts.verdicts)}"
            )
        case "sealed":
            return f"Claims as declared before the first run, by the journal's own word ({seal.short})."
        case "broken":
            return f"Claims as they lie in the folder now: {seal.in_words()}."
        case _:
            return f"Claims as the folder declares them ({seal.in_words()})."


def _made(verdicts: Sequence[claims.Verdict]) -> str:
    """Return what the claims of a study with a parent are worth, by when they were made."""
    counts = Counter(verdict.made for verdict in verdicts)
    families = {verdict.family for verdict in verdicts if verdict.made and not verdict.is_exploratory}
    told = []
    if n := counts["after the data"]:
        told.append(
            f"{n} of {len(verdicts)} made after the data: results that they rest on, or that foretell them, "
            "were known. No error level holds for these, whatever they are ruled; a study of its own with "
            "another seed could confirm them."
        )
    if n := counts["in the parent"]:
        told.append(f"{n} of the parent's own, ruled as there and in its family.")
    if n := counts["before the data"]:
        told.append(f"{n} on arms that no ancestor foretells, made before their data: a family of its own.")
    if len(families) > 1:
        told.append(f"The errors of the {len(families)} families add up.")
    return " ".join(told)


def _ruled(facts: Facts) -> str:
    """Return which procedure rules, and which error it keeps."""
    of = "" if facts.records.declaration.parent is None else " of a family, those made after the data aside,"
    return (
        "Intervals are drawn together at Bonferroni's level. Holm's procedure, which is sharper, rules: it "
        f"keeps the chance of any false difference at {100 * claims.ALPHA:g} % for all claims{of} together, "
        "and that of any false equivalence likewise."
    )


_NORMAL = (
    "The tests want noise that is about normal: with one arm skewed and twice as noisy as the others, 4 to "
    "7 % of studies find a false difference."
)


def _measured(facts: Facts) -> str:
    """Return what is measured, by which test, and what n counts."""
    design = facts.grounds.design
    test = (
        "the paired t-interval over the n seeds that both share"
        if design.seeds_are_common
        else f"Welch's t-interval over the {counted_in_words(facts.records)} of each; n counts those of the "
        "arm with fewer"
    )
    return f"Measured: first arm minus second (times: first by second), mean ± half-width of {test}."


def _of_datasets(verdicts: Sequence[claims.Verdict]) -> list[str]:
    """Return what claims on several data sets say."""
    on = {verdict.where.on for verdict in verdicts if verdict.where is not None}
    words = {
        EVERY: "On every data set: each must support a claim, at its level, and one that contradicts it is "
        "enough (Bonferroni); measured is on the one that decided.",
        AVERAGE: "On average: over these data sets with equal weight, replicate by replicate.",
    }
    return [told for name, told in words.items() if name in on]


def _of_one_search(verdicts: Sequence[claims.Verdict]) -> list[str]:
    """Return what a study that searches once says nothing of."""
    if not any(verdict.scope == "configuration" for verdict in verdicts):
        return []
    words = (
        "Each arm was searched once: rulings are about the configurations that this search chose, not about "
        "searching; another search could choose others (search.repeats)."
    )
    return [words]


def _looks(facts: Facts) -> list[str]:
    """Return when claims are ruled, where not all at once."""
    design = facts.grounds.design
    if len(design.counts) == 1:
        return []
    counts = ", ".join(map(str, design.counts))
    words = (
        f"Claims are ruled at planned looks (n = {counts}), each with its share of the error; nothing is "
        "ruled between them."
    )
    return [words]


def _left_open(facts: Facts, verdicts: Sequence[claims.Verdict]) -> list[str]:
    """Return which share of replicates may collapse to chance although none of these did."""
    arms = {
        arm for verdict in verdicts if verdict.claim.metric == "test_accuracy" for arm in verdict.replicates
    }
    counts = [len(replicates(facts.records, arm, "test_accuracy").ended.statuses) for arm in arms]
    if chance_level(facts.records, "test_accuracy") is None:
        return []
    if not counts or min(counts) < 1 or any(n_collapsed(facts.records, arm) for arm in arms):
        return []
    n = min(counts)
    most = 1 - (1 - statistics.LEVEL) ** (1 / n)
    return [f"No arm's {n} replicates collapsed to chance; up to {100 * most:.0f} % of further ones may."]


def _new_images(verdicts: Sequence[claims.Verdict]) -> list[str]:
    if all(verdict.new_images is None for verdict in verdicts):
        return []
    return ["Measured is for these test images; on new images of the same kind the interval is wider."]


def _carried(verdicts: Sequence[claims.Verdict]) -> list[str]:
    """Return which arms' runs carry several supported claims."""
    several = [f"{arm} ({n})" for arm, n in supported_by_arm(verdicts).items() if n > 1]
    return (
        [f"Several supported claims rest on the same runs, and share their luck, of: {', '.join(several)}."]
        if several
        else []
    )


_Region = tuple[str, float, str]
"""A metric, its region, and on what: nothing in a study of one data set."""


def _decided_regions(facts: Facts, verdicts: Sequence[claims.Verdict]) -> set[_Region]:
    """Return the regions of claims that were tested; on each data set where it follows from its size."""
    regions: set[_Region] = set()
    for claim, verdict in zip(facts.records.declaration.claims, verdicts, strict=True):
        row, where = verdict.as_row(), verdict.where
        metric, region = row["metric"], row["equivalence"]
        if region is None:
            continue
        if where is None or where.on == AVERAGE or not isinstance(claim, Claim) or claim.region is not None:
            regions.add((metric, region, " on average" if where and where.on == AVERAGE else ""))
            continue
        for name, part in facts.parts.items():
            of_part = part.records.metrics[metric].equivalence
            if where.on in {EVERY, name} and of_part is not None:
                regions.add((metric, of_part, f" on {name}"))
    return regions


def _untested_regions(facts: Facts, verdicts: Sequence[claims.Verdict]) -> set[_Region]:
    """Return the region of every claim that was not tested: declared all the same."""
    declared: set[_Region] = set()
    for claim, verdict in zip(facts.records.declaration.claims, verdicts, strict=True):
        if verdict.ruling != "not testable" or not isinstance(claim, Claim) or claim.metric is None:
            continue
        region = facts.records.metrics[claim.metric].equivalence if claim.region is None else claim.region
        if region is not None and claim.kind not in WITHOUT_REGION:
            declared.add((str(claim.metric), region, ""))
    return declared


def _regions(declared: set[_Region], facts: Facts) -> str:
    """Return the region of equivalence of each metric, in words."""
    words = set()
    for metric, region, where in declared:
        spec = facts.records.metrics[metric]
        scale, unit = (100, " %") if spec.is_time else (spec.scale, spec.unit)
        words.add(f"{spec.label}{where} ±{scale * region:.3g}{unit}")
    return ", ".join(sorted(words)) or "none for these metrics"
