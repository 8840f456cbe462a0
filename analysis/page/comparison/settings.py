"""What the folders declare, and where they ran."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.page.comparison.sides import Answer, Side
from analysis.records import StudyRecords
from analysis.render import numbers
from analysis.render.table import RenderedTable
from harness.records.documents import as_written

_PARTS = ("study", "arms", "search", "seeds", "data", "resources", "code", "versions", "machine", "runs")
"""Of declaration and manifest, in the table's order; `runs` is what the runs say of where they ran."""

_NONE = "none"
"""Stands for a list without entries."""


Settings = dict[tuple[str, str, str], Any]
"""Part, arm (empty for the whole study) and setting to its value."""


def compute_settings(sides: Sequence[Side]) -> pd.DataFrame:
    """Return one row a setting that any folder has, with its values in full: rounded ones could look alike.

    Returns: Columns `part, arm, setting, is_equal`, then one a folder under its name, absent where the
        folder has no such setting. Settings of an arm are compared between the folders that have the arm.
    """
    settings = {side.name: _settings(side.records) for side in sides}
    rows: list[dict[str, Any]] = []
    for part, arm, setting in dict.fromkeys(key for each in settings.values() for key in each):
        asked = [side.name for side in sides if not arm or arm in side.records.arms]
        if len(asked) < 2:
            continue  # that the other folders lack the arm is a row of its own
        values = {name: settings[name].get((part, arm, setting)) for name in asked}
        is_equal = all(value == values[asked[0]] for value in values.values())
        texts = {name: _text(value) for name, value in values.items() if value is not None}
        rows.append({"part": part, "arm": arm, "setting": setting, "is_equal": is_equal} | texts)
    frame = pd.DataFrame(rows, columns=["part", "arm", "setting", "is_equal", *settings])
    return frame.sort_values(
        "part", key=lambda parts: parts.map(_PARTS.index), kind="stable", ignore_index=True
    )


def _settings(records: StudyRecords) -> Settings:
    """Return everything a folder declares and says of where it ran."""
    manifest, declaration = records.manifest, records.declaration
    changes = [change.in_words() for change in manifest.changes]
    study = {
        "name": declaration.study,
        "question": declaration.question,
        "baseline": declaration.baseline,
        "declaration": records.seal.state,
        "protocol version": declaration.protocol_version,
        "command": " ".join(manifest.command),
        "started": manifest.created_at,
        "changes on resuming": changes or None,
    }
    parts: dict[str, Mapping[str, Any]] = {
        "study": study,
        "search": as_written(declaration.search),
        "seeds": {"search seeds": declaration.search_seeds, "confirm seeds": declaration.confirm_seeds},
        "data": (
            {name: as_written(data) for name, data in declaration.datasets.items()}
            or next(map(as_written, declaration.all_data), {})
        ),
        "resources": {**as_written(manifest.resources), "runs at the same time": manifest.slots},
        "code": as_written(manifest.git),
        "versions": manifest.versions,
        "machine": as_written(manifest.machine),
        "runs": _of_runs(records.runs),
    }
    found: Settings = {
        (part, "", name): value for part, settings in parts.items() for name, value in _flat(settings)
    }
    return found | _of_arms(records)


def _of_arms(records: StudyRecords) -> Settings:
    """Return which arms there are, and for each what is fixed, what is searched and how often it runs."""
    found: Settings = {("arms", "", f"arm {arm}"): "declared" for arm in records.arms}
    for arm, declared in records.declaration.arms.items():
        runs = {
            "search runs": declared.search_runs,
            "confirm runs": declared.confirm_runs,
            "epochs at full length": declared.max_epochs,
        }
        settings = {**declared.fixed, **declared.written_space, **runs}
        found |= {("arms", arm, name): value for name, value in settings.items()}
    return found


def _of_runs(runs: pd.DataFrame) -> dict[str, list[str]]:
    columns = {"device": "devices", "threads": "threads", "concurrency": "most runs at the same time"}
    return {name: sorted({f"{value}" for value in runs[column].dropna()}) for column, name in columns.items()}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every one of nested settings under its dotted name."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(value: Any) -> str:
    """Return a value as text, numbers with all their digits."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_nested(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_nested(inner) for inner in value) or _NONE
    return str(value).lower() if isinstance(value, bool) else str(value)


def _nested(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{_text(value)}}}"
    return f"[{_text(value)}]" if isinstance(value, list) else _text(value)


def lay_out_settings(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the settings that differ, a column a folder; arms that differ in the same way share a row."""
    different = frame[~frame["is_equal"]].fillna(dict.fromkeys(names, numbers.ABSENT))
    every_arm = set(frame["arm"]) - {""}
    groups: dict[tuple[str, ...], list[str]] = {}
    for row in different.to_dict("records"):
        groups.setdefault((row["part"], row["setting"], *(row[name] for name in names)), []).append(
            row["arm"]
        )
    rows = [
        {"Setting": setting, "Of": _owner(part, arms, every_arm)}
        | dict(zip(names, _short(part, texts), strict=True))
        for (part, setting, *texts), arms in groups.items()
    ]
    return pd.DataFrame(rows, columns=["Setting", "Of", *names])


def _owner(part: str, arms: Sequence[str], every_arm: set[str]) -> str:
    if "" in arms:
        return part
    return "every arm" if len(arms) > 1 and set(arms) == every_arm else ", ".join(arms)


def _short(part: str, texts: Sequence[str]) -> list[str]:
    """Return lists of many seeds as how many they are, and how many of them the first folder has too."""
    lists = [[] if text == _NONE else text.split(", ") for text in texts]
    if part != "seeds" or max(len(seeds) for seeds in lists) < 4:
        return list(texts)
    first = set(lists[0])
    shared = [f", {len(first & set(seeds))} of them shared" for seeds in lists[1:]]
    return [f"{len(seeds)}{note}" for seeds, note in zip(lists, ["", *shared], strict=True)]


def caption_settings(frame: pd.DataFrame, names: Sequence[str]) -> str:
    """Return what was compared and how much of it is equal."""
    counts = frame.groupby("part", sort=False)["is_equal"].agg(["sum", "size"]).astype(int)
    said = [
        f"{part} {'all' if equal == size else f'{equal} of'} {size}"
        for part, equal, size in counts.itertuples()
    ]
    return (
        f"Settings that are not the same in every folder, values in full; {numbers.ABSENT}: the folder has "
        f"none. Of long lists of seeds: how many, and how many of them {names[0]} has too. Claims are "
        f"compared below. Equal in every folder: {', '.join(said)}."
    )


def compare_settings(sides: Sequence[Side]) -> Answer:
    """Return the table of settings and how many differ."""
    names, frame = [side.name for side in sides], compute_settings(sides)
    table = RenderedTable(
        name="settings",
        title="Settings that differ",
        caption=caption_settings(frame, names),
        numbers=frame,
        cells=lay_out_settings(frame, names),
    )
    return Answer(table=table, finding=f"Settings: {(~frame['is_equal']).sum()} of {len(frame)} differ.")
