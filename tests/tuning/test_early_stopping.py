from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from harness.study.file import EarlyStopping
from harness.tuning.early_stopping import ArmEarlyStopping, Rung

SETTINGS = EarlyStopping(grace_epochs=1, reduction_factor=3)


def test_the_first_run_at_a_rung_always_passes_and_a_worse_one_is_stopped() -> None:
    """Rungs stand at 1, 3 and 9 epochs; between them nothing is decided."""
    asha = ArmEarlyStopping(SETTINGS, "min", max_epochs=27)
    assert not any(asha.should_stop("a", epoch, 1.0) for epoch in (1, 2, 3, 4))
    assert asha.should_stop("b", 1, 2.0)
    assert not asha.should_stop("c", 1, 0.5)
    assert not asha.should_stop("c", 2, 99.0)
    assert asha.should_stop("c", 3, 99.0)


def test_the_mode_turns_the_order() -> None:
    """For accuracies the higher one stays."""
    asha = ArmEarlyStopping(SETTINGS, "max", max_epochs=27)
    assert not asha.should_stop("a", 1, 0.9)
    assert asha.should_stop("b", 1, 0.8)


def test_a_grace_period_as_long_as_a_run_stops_nothing() -> None:
    """`--set recipe.epochs=1` must not break a study with a longer grace period."""
    asha = ArmEarlyStopping(EarlyStopping(grace_epochs=5), "min", max_epochs=2)
    assert not any(asha.should_stop(run, 1, float(i)) for i, run in enumerate("abcdef"))


@given(
    curves=st.lists(st.lists(st.floats(-10, 10), min_size=8, max_size=8), min_size=2, max_size=20),
    factor=st.sampled_from([2, 3, 4]),
    grace=st.sampled_from([1, 2]),
    mode=st.sampled_from(["min", "max"]),
)
def test_decisions_equal_those_of_ray_fed_with_one_arm(
    curves: list[list[float]], factor: int, grace: int, mode: str
) -> None:
    """Which run stops at which epoch is what Ray's own ASHA says, whatever the curves."""
    ours = ArmEarlyStopping(EarlyStopping(grace_epochs=grace, reduction_factor=factor), mode, max_epochs=9)
    rays = AsyncHyperBandScheduler(
        time_attr="epoch", metric="value", mode=mode, max_t=9, grace_period=grace, reduction_factor=factor
    )
    for number, curve in enumerate(curves):
        trial = SimpleNamespace(trial_id=f"run{number}")
        rays.on_trial_add(None, trial)
        for epoch, value in enumerate(curve, start=1):
            expected = (
                rays.on_trial_result(None, trial, {"epoch": epoch, "value": value}) == TrialScheduler.STOP
            )
            assert ours.should_stop(trial.trial_id, epoch, value) == expected
            if expected:
                break


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.integers(2, 9))
def test_a_cutoff_has_the_bits_of_rays(values: list[float], factor: int) -> None:
    """A run that reaches it exactly goes on, so that the last bit decides."""
    rung = Rung(1, factor)
    for number, value in enumerate(values):
        rung.record(str(number), value)
    assert rung.cutoff() == np.nanpercentile(values, (1 - 1 / factor) * 100)
