"""Why a job waits, by Slurm's word for it: what that means, and what ends the waiting.

The words are those of `squeue`, section "Job reason codes" of its manual.
"""

_REQUEUED = "Slurm starts a requeued job after two minutes at the earliest"
_LATER = "it begins later, as --begin asks, or Slurm after a requeue"

_IT_WAITS = {
    "Priority": "other jobs come first",
    "Resources": "for nodes that others use now",
    "Dependency": "for the job that --dependency names",
    "Licenses": "for a licence that others use now",
    "Reservation": "for its reservation to begin",
    "Prolog": "its nodes are being made ready",
    "Cleaning": "what its run before left is being cleaned up",
    "JobHeldUser": "you hold it; `scontrol release` lets it go",
    "JobHeldAdmin": "the site holds it; ask there, or `cancel`",
    "launch failed requeued held": "it could not be launched; see `logs`, and `scontrol release` tries again",
    "job requeued in held state": "it was put back and is held; `scontrol release` lets it go",
    "ReqNodeNotAvail": "a node that it needs is down or reserved; the site's maintenance may end before its "
    "--time does: a shorter one may start now",
    "QOSMaxJobsPerUserLimit": "you run as many jobs as the site allows",
    "PartitionDown": "the site has stopped this partition; wait, or `cancel` and give another --partition",
    "PartitionInactive": "the site lets no job of this partition start; wait, or give another --partition",
}
"""By itself, or by a word to Slurm, it starts in the end."""

_IT_NEVER_STARTS = {
    "PartitionTimeLimit": ("its --time is over the partition's limit", "`sinfo -o '%P %l'` lists the limits"),
    "PartitionNodeLimit": (
        "its --nodes are more or fewer than the partition allows",
        "`scontrol show partition`",
    ),
    "PartitionConfig": ("the partition does not have what it asks for", "`scontrol show partition`"),
    "BadConstraints": (
        "no node has what --constraint and the other options ask for",
        "`sinfo -o '%N %f %G'`",
    ),
    "DependencyNeverSatisfied": (
        "the job that --dependency names did not end as it asks",
        "another dependency",
    ),
    "InvalidAccount": ("its --account does not exist or is not yours", "`sacctmgr show assoc user=$USER`"),
    "InvalidQOS": ("its --qos does not exist or is not yours", "`sacctmgr show assoc user=$USER`"),
    "AccountNotAllowed": ("the partition does not take its --account", "`scontrol show partition`"),
    "QOSNotAllowed": ("the partition does not take its --qos", "`scontrol show partition`"),
    "MaxMemPerLimit": ("its --mem is over what the site allows a CPU or a node", "a smaller --mem"),
    "ReservationDeleted": ("its reservation is gone", "another --reservation, or none"),
}
"""As it is, it waits for ever: why, and where the remedy is found."""

_LIMITS = ("QOS", "Assoc")
"""Begin the names of limits. Those of one job (`...PerJob...`) never pass, those of several do."""


def in_words(reason: str, *, has_run: bool) -> str:
    """Return Slurm's reason for a job that waits, with what it means and what to do.

    Args:
        reason: Slurm's word; more may follow a comma.
        has_run: Whether the job started before, and is back in the queue.
    """
    word = reason.partition(",")[0].strip()
    if word == "BeginTime":
        return f"{reason}: {_REQUEUED if has_run else _LATER}"
    if word in _IT_WAITS:
        return f"{reason}: {_IT_WAITS[word]}"
    if word in _IT_NEVER_STARTS:
        return _never(reason, *_IT_NEVER_STARTS[word])
    if word.startswith(_LIMITS):
        if "PerJob" in word:
            what = "its --time is over" if "Wall" in word else "it asks for more than"
            return _never(reason, f"{what} the limit of one job", "`sacctmgr show qos` lists the limits")
        return (
            f"{reason}: a limit of your account or its quality of service is reached; it starts when jobs end"
        )
    return reason


def _never(reason: str, why: str, remedy: str) -> str:
    return (
        f"{reason}: {why}, so it never starts as it is. Remedy: `cancel`, then submit it again with other "
        f"values ({remedy})"
    )
