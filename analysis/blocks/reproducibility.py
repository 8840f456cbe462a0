"""The reproducibility checklist: every item with its value, computed from the records, and its place.

Source of the items: the reproducibility checklist of ACL 2021, after Dodge et al. (2019), Show your work:
improved reporting of experimental results.
"""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import pandas as pd

from analysis.blocks import Block, Table
from analysis.facts import Facts
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.numbers import space_in_words, value_in_words
from analysis.replicates import replicates
from analysis.responses import NONE_CHOSEN, chose_nothing
from analysis.search import WinnerRule, chosen_in_words
from harness.records.documents import as_written
from harness.records.events import Phase

_Row = tuple[str, str, str]
"""Item, value, where it stands."""

_MOST_SEEDS = 20
"""With more seeds, the first and the last are named."""
_HASH_DIGITS = 12


def compute(facts: Facts) -> pd.DataFrame:
    """Return one row an item of the checklist.

    Returns: Columns `item, value, where`, all text. `where` names files of the results folder.
    """
    records = facts.records
    rows = [
        *_search(records),
        *_chosen(records),
        *_results(records),
        *_seeds_and_data(records),
        *_code(records),
        *_compute(records),
    ]
    return pd.DataFrame(rows, columns=["item", "value", "where"])


def _search(records: StudyRecords) -> list[_Row]:
    """Return how many runs there were, and how configurations were proposed and chosen."""
    bounds = {
        arm: space_in_words(declared.space) or "nothing searched"
        for arm, declared in records.declaration.arms.items()
    }
    rows = [("Runs of each phase", _runs(records), "runs.parquet: phase, status"), *_taken_over(records)]
    rows += [
        (f"Bounds of {_names(arms)}", text, f"{records.declared_in}: arms") for arms, text in _grouped(bounds)
    ]
    if records.has_search:
        settings = as_written(records.declaration.search)
        method = [str(settings.get("sampler"))] + [
            f"{name} {value_in_words(settings[name])}"
            for name in ("trials", "seed", "early_stopping")
            if settings.get(name) is not None
        ]
        rows.append(("Method of search", ", ".join(method), f"{records.declared_in}: search"))
        rows.append(
            (
                "Selection criterion",
                WinnerRule.of(records.declaration).in_words(),
                f"{records.declared_in}: search",
            )
        )
    return rows


def _runs(records: StudyRecords) -> str:
    phases = []
    for phase in get_args(Phase):
        runs = records.runs_of(phase)
        ends = ", ".join(f"{count:,} {status}" for status, count in sorted(_counts(runs["status"]).items()))
        if len(runs):
            phases.append(f"{phase} {len(runs):,} ({ends})")
    return "; ".join(phases) or "none has ended"


def _taken_over(records: StudyRecords) -> list[_Row]:
    """Return how many runs were trained for other studies, by the declarations of these."""
    trained_by = Counter(origin.declarations[0][:_HASH_DIGITS] for origin in records.origins.values())
    told = "; ".join(f"{count:,} from declaration {sha256}" for sha256, count in trained_by.items())
    return [("Runs taken over", told, "journal.jsonl: origin of run_started")] if told else []


def _counts(values: "pd.Series[Any]") -> dict[str, int]:
    return {str(value): int(count) for value, count in values.value_counts().items()}


def _grouped(texts: Mapping[str, str]) -> list[tuple[list[str], str]]:
    """Return the arms that share each text, in the arms' order."""
    groups: dict[str, list[str]] = {}
    for arm, text in texts.items():
        groups.setdefault(text, []).append(arm)
    return [(arms, text) for text, arms in groups.items()]


def _names(arms: Sequence[str]) -> str:
    return ", ".join(arms) if len(arms) <= 3 else f"{arms[0]} and {len(arms) - 1} more arms"


def _chosen(records: StudyRecords) -> list[_Row]:
    """Return the configuration that each search of each arm chose: the values of what it searched."""
    rows = []
    for arm, declared in records.declaration.arms.items():
        if not declared.search_runs:
            continue
        n_repeats = records.max_repeats
        ended = records.winners_by_repeat.get(arm, {})
        for repeat in range(n_repeats):
            winner = ended.get(repeat)
            if winner is None:
                text = "no run of full length" if repeat in ended else "not decided yet"
            elif chose_nothing(records, arm):
                text = NONE_CHOSEN
            else:
                text = chosen_in_words(records, arm, [winner])
            which = f"{arm}, repeat {repeat}" if n_repeats > 1 else arm
            rows.append((f"Chosen configuration of {which}", text, "runs.parquet: config.*"))
    return rows


def _results(records: StudyRecords) -> list[_Row]:
    """Return whether each test value has its validation value, and each mean its spread."""
    if not records.has_confirm:
        return [("Test values", "none: the study has no confirm phase", f"{records.declared_in}: confirm")]
    confirm = records.runs_of("confirm")
    metrics = records.metrics
    tested = confirm[confirm[metrics.headline.name].notna()]
    paired = int(tested[metrics.validated.name].notna().sum())
    return [
        ("Validation value beside each test value", f"{paired} of {len(tested)} test values", "runs.parquet"),
        ("Mean and variance of results", _means(records), "report/tables/results.csv"),
    ]


def _means(records: StudyRecords) -> str:
    own = {arm: replicates(records, arm, records.metrics.headline.name) for arm in records.arms}
    completed = {arm: of_arm.count("completed") for arm, of_arm in own.items()}
    whole = [arm for arm in records.arms if completed[arm] > 1 and not own[arm].count("diverged")]
    noun = "replicates" if records.is_repeated else "seeds"
    short = [arm for arm in records.arms if arm not in whole]
    parts = []
    if whole:
        sizes = numbers.span(completed[arm] for arm in whole)
        parts.append(
            f"mean and 95 % t-interval over n = {sizes} {noun} for {len(whole)} of {len(records.arms)} arms"
        )
    if short:
        parts.append(f"none for {_names(short)}, with a diverged run or fewer than two completed {noun}")
    return "; ".join(parts)


def _seeds_and_data(records: StudyRecords) -> list[_Row]:
    """Return the seeds, the data and how it was split."""
    declaration = records.declaration
    rows = []
    if records.is_repeated:
        rows.append(("Seeds", "each repeat's own, from search.seed, arm and repeat", "runs.parquet: seed"))
    elif records.has_search:
        place = f"{records.declared_in}: search_seeds"
        rows.append(("Search seeds", _listed(declaration.search_seeds), place))
    if records.has_confirm and not records.is_repeated:
        place = f"{records.declared_in}: confirm_seeds"
        rows.append(("Confirm seeds", _listed(declaration.confirm_seeds), place))
    return [*rows, *_data(records)]


def _data(records: StudyRecords) -> list[_Row]:
    declaration, rows = records.declaration, list[_Row]()
    place = f"{records.declared_in}: {'datasets' if declaration.datasets else 'dataset'}"
    if not declaration.all_data:
        return [("Data", "the program's own, not known here", place)]
    for data in declaration.all_data:
        short = [f"{name} {digest[:_HASH_DIGITS]}..." for name, digest in data.sha256.items()]
        sizes = [f"{getattr(data, f'{part}_samples'):,} {part}" for part in ("train", "val", "test")]
        rows += [
            ("Data", f"{data.name}: {', '.join(sizes)}", place),
            ("Data SHA-256", ", ".join(short) or "not recorded", f"{place}.sha256"),
        ]
    return [*rows, *(("Split", rule, f"{place}.split") for rule in declaration.splits)]


def _listed(seeds: Sequence[int]) -> str:
    if len(seeds) > _MOST_SEEDS:
        return f"{len(seeds)}, from {seeds[0]} to {seeds[-1]}"
    return ", ".join(str(seed) for seed in seeds) or "none"


def _code(records: StudyRecords) -> list[_Row]:
    """Return code, versions, command and the hash of what was measured."""
    manifest = records.manifest
    commit = manifest.git.commit
    states = {"True": "with uncommitted changes", "False": "working tree clean"}
    state = states.get(str(manifest.git.dirty), "state not recorded")
    code = f"commit {commit}, {state}" if commit else "not in a checkout"
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    rows = [
        ("Code", code, "manifest.json: git"),
        (
            "Protocol version",
            records.declaration.protocol_version,
            f"{records.declared_in}: protocol_version",
        ),
        ("Versions", versions or "not recorded", "manifest.json: versions"),
        ("Command", shlex.join(manifest.command) or "not recorded", "manifest.json: command"),
    ]
    if manifest.resumed:
        rows.append(("Later sessions", str(len(manifest.resumed)), "manifest.json: resumed"))
    return [*rows, ("Measurements SHA-256", records.journal_sha256, "journal.jsonl, unpacked")]


def _compute(records: StudyRecords) -> list[_Row]:
    """Return the machine, how long a run takes, and what all runs took."""
    known = as_written(records.manifest.machine)
    machine = {name: value for name, value in known.items() if value not in (None, [], "")}
    devices = ", ".join(f"{name} ({count:,} runs)" for name, count in _counts(records.runs["device"]).items())
    completed = records.runs[records.runs["status"] == "completed"]
    median = f"{completed['train_seconds'].median() / 60:.3g} minutes" if len(completed) else "none completed"
    return [
        (
            "Hardware",
            ", ".join(f"{name} {value_in_words(value)}" for name, value in machine.items()) or "not recorded",
            "manifest.json: machine",
        ),
        ("Devices", devices or "none used", "runs.parquet: device, threads"),
        ("Median training time of a completed run", median, "runs.parquet: train_seconds"),
        ("Total compute of training", _hours(records.runs), "runs.parquet: train_seconds, threads"),
    ]


def _hours(runs: pd.DataFrame) -> str:
    """Return core hours, seconds of training times threads, of all runs; and hours of other devices."""
    known = runs[runs["threads"].notna()]
    cores = float((known["train_seconds"] * known["threads"]).sum()) / 3600
    other = known[known["device"].notna() & (known["device"] != "cpu")]
    parts = [f"{numbers.count(cores)} core hours of {len(known):,} runs"]
    if len(other):
        parts.append(f"{numbers.count(float(other['train_seconds'].sum()) / 3600)} device hours")
    if len(known) < len(runs):
        parts.append(f"{len(runs) - len(known):,} runs without a known number of threads left out")
    return ", ".join(parts)


def lay_out(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the items under readable names."""
    return frame.rename(columns={"item": "Item", "value": "Value", "where": "Where it stands"})


def caption(facts: Facts, frame: pd.DataFrame) -> str:
    """Return whose checklist it is, and where its items stand."""
    study = facts.records.declaration.study
    compute = "that of training steps, evaluation excluded"
    if facts.records.metrics.of_program:
        compute = "that of the program up to the last epoch of each run"
    return (
        f"{len(frame)} items after the ACL 2021 reproducibility checklist and Dodge et al. (2019), filled in "
        f"from declaration, manifest and journal of study {study}. Files are "
        f"those of the results folder. Compute is {compute}."
    )


REPRODUCIBILITY = Block(
    name="reproducibility",
    section="reproduce",
    table=Table(
        title="Reproducibility checklist",
        compute=compute,
        lay_out=lay_out,
        caption=caption,
        spans_datasets=True,
    ),
)
