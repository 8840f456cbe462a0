"""Manifests of older versions, brought to what this one writes. Everything about old formats stands here.

They had no templates (an arm's name told) and no share of validation images, and told what had changed in a
later session, and what a journal had lost, in sentences.
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

_VAL_FRACTION = 0.1
"""The share of validation images where an older study named none."""


def converted(manifest: Any) -> Any:
    """Return a manifest, as its JSON says it, in today's form; a damaged one as it is, to be refused."""
    try:
        return {
            **manifest,
            "arms": {name: _with_template(name, arm) for name, arm in manifest["arms"].items()},
            "dataset": {"val_fraction": _val_fraction(manifest["arms"]), **manifest["dataset"]},
            "resumed": [_session(session) for session in manifest.get("resumed", [])],
        }
    except (AttributeError, KeyError, StopIteration, SyntaxError, TypeError, ValueError):
        return manifest


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
