"""What the studies of a folder have in common: errors of their claims that add up, runs, seeds.

Facts first, each with its sentence; nothing here rules anything.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.facts import Facts
from analysis.records import StudyRecords

_TESTED = {"supported", "contradicted", "equivalent", "inconclusive"}


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What one study may share with others."""

    place: str
    """Its folder, relative to the overview's."""
    journal_sha256: str
    alpha: float
    """Chance of a wrong ruling in either of its two families of tests."""
    has_differences: bool
    """Whether a claim was tested for a difference."""
    has_equivalence: bool
    """Whether one was tested for equivalence."""
    runs: Mapping[Hashable, str]
    """The arm of each completed confirm run, by its outcome."""
    seeds: frozenset[int]
    """Of its confirm runs."""
    supported: Sequence[frozenset[str]]
    """The arms that each supported claim rests on."""

    @classmethod
    def of(cls, facts: Facts, place: str) -> "Traits":
        """Return the traits of a study."""
        records = facts.records
        own = [v for v in facts.verdicts if v.made in {None, "before the data"}]  # a parent's count there
        tested = [v for v in own if v.ruling in _TESTED]
        return cls(
            place=place,
            journal_sha256=records.journal_sha256,
            alpha=records.declaration.plan.alpha,
            has_differences=bool(tested),
            has_equivalence=any(v.as_row()["equivalence"] is not None for v in tested),
            runs=_runs_of(records),
            seeds=frozenset(int(seed) for seed in records.runs_of("confirm")["seed"]),
            supported=[frozenset(v.replicates) for v in tested if v.ruling == "supported"],
        )


def _runs_of(records: StudyRecords) -> dict[Hashable, str]:
    runs = records.runs_of("confirm")
    runs, outcome = runs[runs["status"] == "completed"], _outcome(records, runs)
    runs = runs.dropna(subset=outcome)
    return dict(zip(map(tuple, runs[outcome].to_numpy().tolist()), runs["arm"], strict=True))


def _outcome(records: StudyRecords, runs: pd.DataFrame) -> list[str]:
    """Return columns in all of which runs of other computations do not agree to the last digit."""
    metrics = records.metrics
    losses = ["train_loss", "val_loss", "test_loss"] * metrics.has_loss
    columns = dict.fromkeys([*losses, metrics.headline.name])
    return ["seed", *(name for name in columns if runs[name].notna().any())]


@dataclass(frozen=True, kw_only=True)
class Errors:
    """How many studies may be expected to rule wrongly, whatever is true."""

    differences: int
    """Studies that tested for differences; copies of one journal count once."""
    equivalences: int
    """Studies that tested for equivalence."""
    wrong_differences: float
    """At most so many of them are expected to hold a wrong ruling."""
    wrong_equivalences: float

    @classmethod
    def of(cls, traits: Iterable[Traits]) -> "Errors":
        """Return the sums over studies, which hold however much these have in common."""
        own = {one.journal_sha256: one for one in traits}.values()
        differences = [one.alpha for one in own if one.has_differences]
        equivalences = [one.alpha for one in own if one.has_equivalence]
        return cls(
            differences=len(differences),
            equivalences=len(equivalences),
            wrong_differences=sum(differences),
            wrong_equivalences=sum(equivalences),
        )

    def in_words(self) -> list[str]:
        """Return what adds up, where at least two studies do."""
        if self.differences < 2:
            return []
        level = 100 * self.wrong_differences / self.differences
        sentence = (
            f"Families of claims add up: each of {self.differences} studies keeps to its own chance of a "
            f"wrong ruling ({level:.2g} % on average), and nothing corrects over studies. Whatever is true, "
            f"up to {self.wrong_differences:.2g} of them may be expected to hold a wrong supported or "
            "contradicted"
        )
        if self.equivalences:
            sentence += (
                f"; of the {self.equivalences} that tested for equivalence, up to "
                f"{self.wrong_equivalences:.2g} a wrong equivalent"
            )
        return [f"{sentence}."]


@dataclass(frozen=True, kw_only=True)
class SharedRuns:
    """Confirm runs that several arms of several studies have in common, equal to the last digit."""

    arms: tuple[tuple[str, str], ...]
    """Study and arm."""
    runs: int
    supported: int
    """Supported claims that rest on these arms, over all studies."""

    def in_words(self) -> str:
        """Return who shares them, and how many supported claims hang on their luck."""
        who = "; ".join(f"{arm} of {place}" for place, arm in self.arms)
        on = (
            f" {self.supported} supported claims rest on them, and share their luck."
            if self.supported > 1
            else ""
        )
        runs = _counted(self.runs, "confirm run")
        return f"The same {runs}, equal to the last digit, stand in: {who}.{on}"


def shared_runs(traits: Sequence[Traits]) -> list[SharedRuns]:
    """Return the confirm runs that several studies have, by who has them; copies of a journal count once."""
    own = list({one.journal_sha256: one for one in reversed(traits)}.values())[::-1]
    holders: dict[Hashable, list[tuple[str, str]]] = defaultdict(list)
    for one in own:
        for run, arm in one.runs.items():
            holders[run].append((one.place, arm))
    groups = Counter(tuple(who) for who in holders.values() if len(who) > 1)
    return [SharedRuns(arms=who, runs=n, supported=_supported(own, who)) for who, n in groups.items()]


def _supported(traits: Iterable[Traits], who: Iterable[tuple[str, str]]) -> int:
    """Return how many supported claims rest on any of some arms."""
    holders = {one.place: {arm for place, arm in who if place == one.place} for one in traits}
    return sum(bool(arms & holders[one.place]) for one in traits for arms in one.supported)


def shared_seeds(traits: Sequence[Traits]) -> dict[tuple[str, ...], int]:
    """Return by the studies that have them how many confirm seeds several studies share, most first."""
    holders: dict[int, list[str]] = defaultdict(list)
    for one in traits:
        for seed in one.seeds:
            holders[seed].append(one.place)
    groups = Counter(tuple(places) for places in holders.values() if len(places) > 1)
    return dict(sorted(groups.items(), key=lambda group: (-len(group[0]), group[0])))


def copies(traits: Sequence[Traits]) -> list[tuple[str, ...]]:
    """Return groups of folders that hold the same journal."""
    groups: dict[str, list[str]] = defaultdict(list)
    for one in traits:
        groups[one.journal_sha256].append(one.place)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def in_words(traits: Sequence[Traits]) -> list[str]:
    """Return what a reader of all claims must know of the studies together."""
    return [
        *Errors.of(traits).in_words(),
        *(
            f"{', '.join(places)} hold the same journal, and count as one study here."
            for places in copies(traits)
        ),
        *(shared.in_words() for shared in shared_runs(traits)),
        *_seeds_in_words(shared_seeds(traits)),
    ]


def _seeds_in_words(shared: Mapping[tuple[str, ...], int]) -> list[str]:
    if not shared:
        return []
    groups = "; ".join(f"{_counted(n, 'seed')} in {', '.join(places)}" for places, n in shared.items())
    why = (
        "a seed fixes split, initialisation and data order, so the luck of these studies is correlated, and "
        "none of them repeats another independently"
    )
    return [f"Confirm seeds are shared: {why}. {groups}."]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
