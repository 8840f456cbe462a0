"""What search runs of an earlier study did, for those of a planned one."""

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.commands.planning.forecast import EpochSeconds
from harness.commands.planning.measured import Earlier
from harness.commands.planning.simulation import Trace, Traces
from harness.study.file import Search
from harness.study.study import Arm

_NEAR = 0.1
"""Share of an arm's earlier search from which a run is drawn, before and after the planned one's place."""


class _Curve(NamedTuple):
    place: float
    """Share of the runs of its search that began before it."""
    epoch_seconds: float
    metric: NDArray[np.float64]
    """The search metric after each epoch, larger is better."""

    def reached(self, epoch: int) -> float:
        """Return the metric after an epoch; after the last one, what it was then."""
        return float(self.metric[min(epoch, len(self.metric)) - 1])


@dataclass(frozen=True)
class Replay:
    """An earlier study's runs."""

    earlier: Earlier

    @cached_property
    def _runs(self) -> pd.DataFrame:
        """Return the runs of at least an epoch, with the seconds that one took, evaluation included."""
        runs = self.earlier.records.runs
        runs = runs[runs["arm"].isin(list(self.earlier.arms)) & (runs["epochs"] > 0)]
        began, ended = (pd.to_datetime(runs[name], format="ISO8601") for name in ("started_at", "ended_at"))
        return runs.assign(seconds=(ended - began).dt.total_seconds() / runs["epochs"])

    def epoch_seconds(self, arm: Arm) -> Sequence[float]:
        """Return what epochs of an arm took, one number a run; of another arm those of all."""
        name = self._name(arm)
        runs = self._runs if name is None else self._runs[self._runs["arm"] == name]
        return [float(each) for each in runs["seconds"]]

    def _name(self, arm: Arm) -> str | None:
        known = set(self._runs["arm"])
        return next((name for name in (arm.name, arm.plain_name) if name in known), None)

    def traces(self, search: Search, epoch_seconds: EpochSeconds | None) -> Traces | None:
        """Return what replays search runs; None where the earlier study has none of this metric.

        A planned run is one of the same arm, or of another where there is none, from about the same part of
        its search. Where one was stopped or is shorter, its last value is held.

        Args:
            search: Of the planned study.
            epoch_seconds: What epochs take in place of what those of the runs took.
        """
        curves = self._curves(search)
        if not curves:
            return None
        pooled = sorted(itertools.chain(*curves.values()), key=lambda curve: curve.place)

        def trace(arm: Arm, share: float, chance: random.Random) -> Trace:
            known = curves.get(self._name(arm) or "", pooled)
            place = share + chance.uniform(-_NEAR, _NEAR)
            curve = known[min(len(known) - 1, max(0, int(place * len(known))))]
            seconds = chance.choice(epoch_seconds(arm)) if epoch_seconds else curve.epoch_seconds
            return Trace(seconds, curve.reached)

        return trace

    def _curves(self, search: Search) -> Mapping[str, list[_Curve]]:
        records = self.earlier.records
        runs = self._runs[self._runs["phase"] == "search"].sort_values("started_at")
        if search.metric not in records.epochs or runs.empty:
            return {}
        sign = 1.0 if search.mode == "max" else -1.0  # without a mode it is a loss
        values = sign * records.epochs[search.metric].to_numpy()
        groups = runs.groupby(["arm", "repeat"])["run_id"]
        places = groups.cumcount() / groups.transform("size")
        curves: dict[str, list[_Curve]] = {}
        for arm, run_id, place, seconds in zip(
            runs["arm"], runs["run_id"], places, runs["seconds"], strict=True
        ):
            reached = values[records.epoch_rows[run_id]]
            if np.isfinite(reached).all():
                curves.setdefault(arm, []).append(_Curve(place, seconds, reached))
        return {arm: sorted(own, key=lambda curve: curve.place) for arm, own in curves.items()}
