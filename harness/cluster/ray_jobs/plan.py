"""What the driver on the cluster is told, in one environment variable; needs neither Ray nor a shell."""

import os

from pydantic import BaseModel, ConfigDict

PLAN_VARIABLE = "HARNESS_SUBMIT_PLAN"

LAST_LINE = "the sweep ended with exit code "
"""Begins the last line of a driver's output: Ray keeps no exit code of a job that was stopped."""


class Plan(BaseModel):
    """A study and the arguments of its sweep."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    study: str
    """Text of the study file."""
    run_dir: str
    """Where the results go, on the machine of the driver."""
    arguments: list[str]
    """Those of `harness.sweep`."""

    def encode(self) -> str:
        """Return the plan as JSON without a `$`: Ray replaces `$NAME` in environment variables."""
        return self.model_dump_json().replace("$", "\\u0024")

    @classmethod
    def of_environment(cls) -> "Plan":
        """Return the plan this process was started with."""
        return cls.model_validate_json(os.environ[PLAN_VARIABLE])
