"""What the journal is told of a run: each thing that happens as an event, of now."""

from math import isfinite

from harness.records.events import EpochEnded, Phase, PhaseEnded, RunEnded, RunStarted
from harness.records.provenance import utc_now
from harness.training.epoch import EpochRecord
from harness.tuning.in_flight import LiveRun
from harness.tuning.runs import Place, RunEnd, RunSpec


def run_started(spec: RunSpec) -> RunStarted:
    """Return that a run began to train."""
    return RunStarted(
        time=_now(),
        run_id=spec.run_id,
        arm=spec.arm,
        phase=spec.phase,
        repeat=spec.repeat,
        number=spec.number,
        seed=spec.seed,
        configuration=spec.configuration,
    )


def epoch_ended(run_id: str, epoch: EpochRecord) -> EpochEnded:
    """Return what an epoch of a run came to."""
    return EpochEnded(
        time=_now(),
        run_id=run_id,
        epoch=epoch.epoch,
        step=epoch.step,
        lr=epoch.lr,
        train_loss=finite(epoch.train_loss),
        train_accuracy=epoch.train_accuracy,
        val_loss=finite(epoch.val_loss),
        val_accuracy=epoch.val_accuracy,
        seconds=epoch.seconds,
        metrics={name: finite(value) for name, value in epoch.metrics.items()},
    )


def run_ended(live: LiveRun, end: RunEnd, selected_epoch: int | None) -> RunEnded:
    """Return how a run ended, where it trained, and which of its epochs stands for it."""
    worker = live.worker
    return RunEnded(
        time=_now(),
        run_id=live.spec.run_id,
        phase=live.spec.phase,
        status=end.status,
        reason=None if end.reason is None else _writable(end.reason),
        epochs=live.epochs,
        selected_epoch=selected_epoch,
        steps_per_epoch=worker.steps_per_epoch if worker else None,
        test_loss=finite(end.test_loss),
        test_accuracy=end.test_accuracy,
        metrics={name: finite(value) for name, value in end.metrics.items()},
        predicted=end.predicted,
        weights=end.weights,
        train_seconds=live.train_seconds,
        threads=worker.threads if worker else None,
        device=worker.device if worker else None,
        host=worker.host if worker else None,
    )


def phase_ended(
    phase: Phase, place: Place, winner: str | None = None, reason: str | None = None
) -> PhaseEnded:
    """Return that an arm's repeat has ended a phase: of a search with its winner, or why it was given up."""
    return PhaseEnded(
        time=_now(), phase=phase, arm=place.arm, repeat=place.repeat, winner=winner, reason=reason
    )


def finite(value: float | None) -> float | None:
    """Return a number; None where it is none, as JSON has no other."""
    return value if value is not None and isfinite(value) else None


def _writable(text: str) -> str:
    """Return a text with escapes for what UTF-8 cannot hold: half characters, as a program can print."""
    return text.encode(errors="backslashreplace").decode()


def _now() -> str:
    return utc_now("microseconds")
