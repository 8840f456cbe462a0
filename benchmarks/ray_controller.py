"""What does Ray Tune's own controller bear, apart from everything of ours? Trainables that only report.

`python benchmarks/ray_controller.py [--slots N ...] [--runs N] [--reports N]`: one experiment on a private
Ray whose workers report as fast as they are let, without searcher and scheduler. Printed are reports and runs
a second, and the processor time that the driver's process spent on each: its inverse is what the controller
would bear if the workers were elsewhere. Each slot is a process of about 100 MB, so that a small machine
bears few of them.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from harness.records.provenance import machine, versions
from harness.tuning.lean_ray import in_waiting_workers
from harness.tuning.local_ray import local_ray, set_ray_environment


def report_only(config: dict[str, Any]) -> None:
    """Report some epochs, and do nothing else."""
    from ray import tune

    for epoch in range(1, config["reports"] + 1):
        tune.report({"epoch": epoch, "value": 1.0 / epoch})


def measure(slots: int, runs: int, reports: int) -> dict[str, float]:
    """Return wall and processor seconds of the driver for some runs on a Ray of so many slots.

    Counted from when every slot has reported once: until then workers start, one after the other.
    """
    with local_ray(slots, 0) as temporary, in_waiting_workers():  # as a sweep's; others need an agent
        from ray import tune
        from ray.tune.logger import JsonLoggerCallback

        class Started(tune.Callback):
            """Notes when all slots have begun, and how many runs and reports came before."""

            seen: set[str] = set()  # noqa: RUF012 - one object a class
            n_reports = 0
            n_ended = 0
            at: tuple[float, float, int, int] | None = None

            def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **_: Any) -> None:
                del iteration, trials, result
                self.n_reports += 1
                self.seen.add(trial.trial_id)
                if self.at is None and len(self.seen) >= slots:
                    self.at = time.perf_counter(), time.process_time(), self.n_reports, self.n_ended

            def on_trial_complete(self, *_: Any, **__: Any) -> None:
                self.n_ended += 1

        started = Started()
        tuner = tune.Tuner(
            tune.with_resources(report_only, {"cpu": 1}),
            param_space={"reports": reports},
            tune_config=tune.TuneConfig(num_samples=runs, max_concurrent_trials=slots, reuse_actors=True),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(temporary / "storage"),
                verbose=0,
                callbacks=[JsonLoggerCallback(), started],  # type: ignore[no-untyped-call]
            ),
        )
        began = time.perf_counter()
        tuner.fit()
        if started.at is None:
            raise SystemExit(
                f"only {len(started.seen)} of {slots} slots began; more --runs, or fewer --slots"
            )
        wall, processor, n_reports, n_ended = started.at
        return {
            "slots": slots,
            "start_seconds": wall - began,
            "runs": runs - n_ended,
            "reports": runs * reports - n_reports,
            "seconds": time.perf_counter() - wall,
            "processor_seconds": time.process_time() - processor,
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=int, nargs="+", default=[2])
    parser.add_argument("--runs", type=int, help="of each experiment (4 a slot)")
    parser.add_argument("--reports", type=int, nargs="+", default=[1, 50], help="of each run")
    parser.add_argument("--json", type=Path, help="save the numbers, with machine and versions")
    options = parser.parse_args()
    set_ray_environment(is_local=True)
    print(f"{machine().cpu}, {machine().cores} cores; {versions()}")
    print("| slots | start s | runs | reports | s | reports/s | runs/s | driver's ms a report | a run |")
    print("|---|---|---|---|---|---|---|---|---|")
    rows = []
    for slots in options.slots:
        for reports in options.reports:
            row = measure(slots, options.runs or 4 * slots, reports)
            rows.append(row)
            cpu, seconds = 1000 * row["processor_seconds"], row["seconds"]
            cells = [
                f"{slots:,}", f"{row['start_seconds']:.1f}", f"{row['runs']:,}", f"{row['reports']:,}",
                f"{seconds:.1f}", f"{row['reports'] / seconds:.0f}", f"{row['runs'] / seconds:.1f}",
                f"{cpu / row['reports']:.2f}", f"{cpu / row['runs']:.1f}",
            ]  # fmt: skip
            print(f"| {' | '.join(cells)} |", flush=True)
    if options.json is not None:
        about = {"machine": machine().model_dump(), "versions": versions()}
        options.json.write_text(json.dumps({**about, "experiments": rows}, indent=1))


if __name__ == "__main__":
    main()
