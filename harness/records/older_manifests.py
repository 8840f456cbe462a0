"""Manifests of older versions, brought to what this one writes. Everything about old formats stands here.

They held the declaration too. They had no templates (an arm's name told) and no share of validation images,
and told what had changed in a later session, and what a journal had lost, in sentences.
"""

import ast
import re
from collections.abc import Mapping
from typing import Any

_CHANGE = re.compile(r"(?P<field>[^:]+): (?P<before>.*) before, (?P<after>.*) now", re.DOTALL)
_LOSS = re.compile(
    r"[^ ]+: (?P<lines>\d+) (?P<kind>damaged|repeated) lines .* "
    r"The damaged file is kept as (?P<kept_as>[^ ]+)\."
)
_TEMPLATE_FIELD = re.compile(r"(?:^|,)([a-z_0-9]+)=")

_DECLARED = (
    "protocol_version", "study", "question", "arms", "search", "confirm", "search_seeds", "confirm_seeds",
    "baseline", "claims", "published", "dataset",
)  # fmt: skip
"""What today stands in the declaration."""

_VAL_FRACTION = 0.1
"""The share of validation images where an older study named none."""


def is_older(document: Any) -> bool:
    """Return whether a manifest is of the first version, which held the declaration as well."""
    return isinstance(document, Mapping) and document.get("schema_version", 1) == 1


def declaration_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an older manifest declares, in today's form; of a damaged one what there is."""
    declared = {name: manifest[name] for name in _DECLARED if name in manifest}
    try:
        return {
            **declared,
            "arms": {name: _with_template(name, arm) for name, arm in manifest["arms"].items()},
            "dataset": {"val_fraction": _val_fraction(manifest["arms"]), **manifest["dataset"]},
            "plan": _plan(manifest),
        }
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError):
        return declared  # is refused, with the place


def manifest_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rest of an older manifest in today's form."""
    rest = {name: value for name, value in manifest.items() if name not in {*_DECLARED, "schema_version"}}
    rest |= {"declaration_sha256": None}
    try:
        return {**rest, "resumed": [_session(session) for session in manifest.get("resumed", [])]}
    except (AttributeError, KeyError, SyntaxError, TypeError, ValueError):
        return rest


def _plan(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plan that every older study had: one look, when all of its seeds have ended."""
    n_seeds = len(manifest["confirm_seeds"]) or len(manifest["search_seeds"])
    return {"unit": "seed", "looks": [n_seeds], "weights": [1.0], "seeds_are_common": True}


def _val_fraction(arms: Mapping[str, Mapping[str, Any]]) -> float:
    """Return the share that older versions declared the split with: that of the first arm."""
    first = next(iter(arms.values()))["fixed"]
    return float(first.get("val_fraction", _VAL_FRACTION))


def _with_template(name: str, arm: dict[str, Any]) -> dict[str, Any]:
    """Return an arm with the template that its name tells, such as `adam@batch_size=16`."""
    template, made, labels = name.partition("@")
    if not made or "template" in arm:
        return arm
    fields = [field for field in _TEMPLATE_FIELD.findall(labels) if field in arm["fixed"]]
    return {"template": {"name": template, "values": {f: arm["fixed"][f] for f in fields}}, **arm}


def _session(session: dict[str, Any]) -> dict[str, Any]:
    changes = [_change(change) if isinstance(change, str) else change for change in session["changes"]]
    loss = session["loss"]
    return {**session, "changes": changes, "loss": _loss(loss) if isinstance(loss, str) else loss}


def _change(sentence: str) -> dict[str, Any] | str:
    """Return what a sentence says; one that no version wrote stays as it is, and is refused."""
    match = _CHANGE.fullmatch(sentence)
    if match is None:
        return sentence
    before, after = ast.literal_eval(match["before"]), ast.literal_eval(match["after"])
    return {"field": match["field"], "before": before, "after": after}


def _loss(sentence: str) -> dict[str, Any] | str:
    match = _LOSS.fullmatch(sentence)
    if match is None:
        return sentence
    return {"kind": match["kind"], "lines": int(match["lines"]), "kept_as": match["kept_as"]}
