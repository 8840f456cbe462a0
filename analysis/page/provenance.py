"""How a study was run, and where its numbers come from: pairs of a name and what is told of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.search import WinnerRule
from harness.manifest import Resumption
from harness.records.documents import as_written

OWN_SEEDS = "each repeat's own, derived from search.seed, arm and repeat (column seed of runs.parquet)"
"""Stands for a list of seeds where searches are repeated."""

_SPLIT_WORDS = {"train": "training", "val": "validation", "test": "test"}


def protocol(records: StudyRecords) -> list[tuple[str, str]]:
    """Return how the study was run: search, winner's rule, seeds, data, split."""
    manifest = records.manifest
    known = _listing(records.declaration.search_seeds if records.has_search else [])
    search_seeds = f"{known} in the first repeat; later ones: {OWN_SEEDS}" if records.is_repeated else known
    return [
        ("Search", _search(records)),
        ("Winner's rule", _winner_rule(records)),
        ("Search seeds", search_seeds),
        ("Confirm seeds", OWN_SEEDS if records.is_repeated else _listing(records.declaration.confirm_seeds)),
        *_data(records),
        ("Resources a run", _settings(as_written(manifest.resources))),
        ("Runs at the same time", str(manifest.slots)),
    ]


def _data(records: StudyRecords) -> list[tuple[str, str]]:
    """Return each data set with its sizes, and how they are split; of a program nobody knows."""
    rows, declaration = [], records.declaration
    for data in declaration.all_data:
        sizes = [f"{getattr(data, f'{split}_samples'):,} {word}" for split, word in _SPLIT_WORDS.items()]
        noun = "images" if data.kind == "image" else "samples"
        rows.append(("Data", f"{data.name}: {', '.join(sizes)} {noun}"))
    return [*rows, *(("Split", rule) for rule in declaration.splits)]


def _search(records: StudyRecords) -> str:
    if not records.has_search:
        return "none, every setting is fixed"
    return _settings(as_written(records.declaration.search))


def _winner_rule(records: StudyRecords) -> str:
    rule = WinnerRule.of(records.declaration)
    if not records.has_search:
        return "none, nothing is searched"
    tested = ", whose network confirm runs are tested with" if rule.is_best_epoch and rule.is_known else ""
    return f"{rule.in_words()}{tested}"


def origin(records: StudyRecords) -> list[tuple[str, str]]:
    """Return where the numbers come from: code, versions, machine, hashes."""
    manifest = records.manifest
    commit = manifest.git.commit or "unknown"
    return [
        ("Git commit", f"{commit}{' with uncommitted changes' if manifest.git.dirty else ''}"),
        ("Protocol version", records.declaration.protocol_version),
        ("Versions", _settings(manifest.versions)),
        ("Machine", _settings(as_written(manifest.machine))),
        ("Started", manifest.created_at),
        *(("Taken up again", _resumption(session)) for session in manifest.resumed),
        ("Declaration SHA-256", records.seal.sha256 or "none"),
        ("Seal", records.seal.in_words()),
        ("Journal SHA-256", records.journal_sha256),
        *(("Data SHA-256", _settings(own.sha256)) for own in records.declaration.all_data),
    ]


def _resumption(session: Resumption) -> str:
    """Return when a later session continued the study, and what was another then."""
    losses = [session.loss.in_words()] if session.loss else []
    return "; ".join([session.at, *(change.in_words() for change in session.changes), *losses])


def _settings(settings: Mapping[str, Any]) -> str:
    """Return nested settings as `name value` pairs on one line; absent values are left out."""
    return ", ".join(f"{name} {_value(value)}" for name, value in settings.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + _settings(value) + ")"
    if isinstance(value, list):
        return "[" + _listing(value) + "]"
    if isinstance(value, float):
        return numbers.setting(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listing(values: Sequence[Any]) -> str:
    return ", ".join(_value(value) for value in values) or "none"
