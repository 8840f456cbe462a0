"""What a study took: runs, epochs and time, from its journal."""

from dataclasses import dataclass
from datetime import datetime

from analysis.records import StudyRecords


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a study's own runs took; runs that it took over from another study are left out."""

    runs: int
    epochs: int
    train_seconds: float
    """Of all runs together, evaluation left out."""
    elapsed_seconds: float
    """From the start of a session's first run to the end of its last, over all sessions."""
    sessions: int


def cost_of(records: StudyRecords) -> Cost:
    """Return what the runs of a study took that have ended."""
    runs = records.runs[~records.runs["run_id"].isin(list(records.origins))]
    resumed = [datetime.fromisoformat(session.at) for session in records.manifest.resumed]
    spans: dict[int, tuple[datetime, datetime]] = {}
    for first, last in zip(runs["started_at"], runs["ended_at"], strict=True):
        start, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
        session = sum(at <= start for at in resumed)
        earliest, latest = spans.get(session, (start, end))
        spans[session] = min(earliest, start), max(latest, end)
    return Cost(
        runs=len(runs),
        epochs=int(runs["epochs"].sum()),
        train_seconds=float(runs["train_seconds"].sum()),
        elapsed_seconds=sum((end - start).total_seconds() for start, end in spans.values()),
        sessions=len(spans),
    )
