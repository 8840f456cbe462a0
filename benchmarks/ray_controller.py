"""What does Ray Tune's own controller bear, apart from everything of ours? Trainables that only report.

`python benchmarks/ray_controller.py [--slots N ...] [--runs N] [--reports N]`: one experiment on a private
Ray whose workers report as fast as they are let, without searcher and scheduler. Printed are reports and runs
a second, and the processor time that the driver's process spent on each: its inverse is what the controller
would bear if the workers were elsewhere. Each slot is a process of about 100 MB, so that a small machine
bears few of them.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from harness.records.provenance import machine, versions
from harness.tuning.local_ray import local_ray, set_ray_environment


def report_only(config: dict[str, Any]) -> None:
    """Report some epochs, and do nothing else."""
    from ray import tune

    for epoch in range(1, config["reports"] + 1):
        tune.report({"epoch": epoch, "value": 1.0 / epoch})


def measure(slots: int, runs: int, reports: int) -> dict[str, float]:
    """Return wall and processor seconds of the driver for some runs on a Ray of so many slots."""
    with local_ray(slots, 0) as temporary:
        from ray import tune
        from ray.tune.logger import JsonLoggerCallback

        tuner = tune.Tuner(
            tune.with_resources(report_only, {"cpu": 1}),
            param_space={"reports": reports},
            tune_config=tune.TuneConfig(num_samples=runs, max_concurrent_trials=slots, reuse_actors=True),
            run_config=tune.RunConfig(
                name="tune",
                storage_path=str(temporary / "storage"),
                verbose=0,
                callbacks=[JsonLoggerCallback()],  # type: ignore[no-untyped-call]
            ),
        )
        wall, processor = time.perf_counter(), time.process_time()
        tuner.fit()
        return {
            "slots": slots,
            "runs": runs,
            "reports": runs * reports,
            "seconds": time.perf_counter() - wall,
            "processor_seconds": time.process_time() - processor,
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slots", type=int, nargs="+", default=[2])
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--reports", type=int, nargs="+", default=[1, 50], help="of each run")
    parser.add_argument("--json", type=Path, help="save the numbers, with machine and versions")
    options = parser.parse_args()
    set_ray_environment(is_local=True)
    os.environ.setdefault("RAY_health_check_timeout_ms", "600000")  # many processes of one core answer late
    os.environ.setdefault("RAY_health_check_failure_threshold", "1000")
    print(f"{machine().cpu}, {machine().cores} cores; {versions()}")
    print("| slots | runs | reports | s | reports/s | runs/s | driver's processor ms a report | a run |")
    print("|---|---|---|---|---|---|---|---|")
    rows = []
    for slots in options.slots:
        for reports in options.reports:
            row = measure(slots, options.runs, reports)
            rows.append(row)
            cpu = 1000 * row["processor_seconds"]
            print(
                f"| {slots:,} | {options.runs:,} | {row['reports']:,} | {row['seconds']:.1f} "
                f"| {row['reports'] / row['seconds']:.0f} | {options.runs / row['seconds']:.1f} "
                f"| {cpu / row['reports']:.2f} | {cpu / options.runs:.1f} |",
                flush=True,
            )
    if options.json is not None:
        about = {"machine": machine().model_dump(), "versions": versions()}
        options.json.write_text(json.dumps({**about, "experiments": rows}, indent=1))


if __name__ == "__main__":
    main()
