"""The command kubectl, in bounded time, with errors a user can act on."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.cluster.target import UnreachableError
from harness.errors import EnvironmentMismatchError

_KLOG = re.compile(r"[IWEF]\d{4} [\d:.]+ +\d+ \S+\] ")
"""Lines of kubectl's own log, which come before what it has to say."""

_NOT_CONNECTED = "dial tcp"

_UNREACHABLE = (
    "Unable to connect to the server",
    "The connection to the server",
    "couldn't get current server API group list",
    _NOT_CONNECTED,
)
_CUT_OFF = (
    "i/o timeout",
    "Client.Timeout",
    "context deadline exceeded",
    "(Timeout)",
    "(ServerTimeout)",
    ": EOF",
    "unexpected EOF",
    "connection reset by peer",
    "client connection lost",
)
"""After these a request may have been carried out all the same, unless there was no connection yet."""

_UNAUTHORIZED = ("(Unauthorized)", "must be logged in", "getting credentials")


class CutOffError(UnreachableError):
    """Report that a request got no answer: it may have been carried out."""


class RefusedError(EnvironmentMismatchError):
    """Report that the cluster answered with an error."""

    def __init__(self, message: str, printed: str) -> None:
        super().__init__(message)
        self.printed = printed
        """What kubectl had done before."""


class NotFoundError(RefusedError):
    """Report that the cluster has no such object."""


@dataclass(frozen=True, kw_only=True)
class Kubectl:
    """kubectl for one cluster and namespace; None stands for those of the user's current context."""

    context: str | None = None
    namespace: str | None = None
    seconds: int = 20
    """What one request to the cluster may take; the command gets three times as long."""
    is_detached: bool = False
    """Whether what it runs is in a session of its own, which no terminal interrupts."""

    @staticmethod
    def is_installed() -> bool:
        """Return whether there is such a command."""
        return shutil.which("kubectl") is not None

    def current_context(self) -> str | None:
        """Return the user's current context; None where a pod's own service account is used."""
        try:
            return self.run("config", "current-context").strip()
        except RefusedError:
            return None

    def get(self, *arguments: str) -> Any:
        """Return objects as parsed JSON.

        Raises:
            RefusedError: What answers is no kubectl of Kubernetes; otherwise as `run`.
        """
        printed = self.run("get", *arguments, "-o", "json")
        try:
            return json.loads(printed)
        except ValueError as error:
            raise RefusedError(
                f"kubectl: printed {printed[:80]!r} where JSON was asked for. Remedy: see that `kubectl get "
                f"pods -o json` prints JSON; another program may be first on PATH",
                printed,
            ) from error

    def run(self, *arguments: str, text: str | None = None) -> str:
        """Return what the command prints.

        Args:
            arguments: Those of the command.
            text: What it reads, as `-f -`.

        Raises:
            CutOffError: No answer came; what was asked for may have happened.
            UnreachableError: There is no kubectl, or no cluster answers.
            NotFoundError: There is no such object.
            RefusedError: The cluster refuses.
        """
        command = [*self._command(), f"--request-timeout={self.seconds}s", *arguments]
        try:
            done = subprocess.run(  # noqa: S603 - a list, no shell
                command,
                input=text,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=3 * self.seconds,
                check=False,
                start_new_session=self.is_detached,
            )
        except subprocess.TimeoutExpired as error:
            raise CutOffError(
                f"kubectl: no answer within {3 * self.seconds} s. {self._reach_remedy()}"
            ) from error
        if done.returncode != 0:
            raise self._error(done.stderr, done.stdout)
        return done.stdout

    def stream(self, *arguments: str) -> Iterator[str]:
        """Yield the lines of a command that goes on by itself; it ends with the generator.

        Raises:
            EnvironmentMismatchError: As `run`, if the command printed nothing. Output that breaks off is no
                error: connections are cut after hours.
        """
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(  # noqa: S603 - a list, no shell
            [*self._command(), *arguments], **pipes, encoding="utf-8", errors="replace"
        ) as process:
            try:
                line = ""
                for line in process.stdout or ():
                    yield line
                if process.wait() != 0 and not line:
                    raise self._error(process.stderr.read() if process.stderr else "", "")
            finally:
                process.terminate()

    def _command(self) -> list[str]:
        program = shutil.which("kubectl")
        if program is None:
            raise UnreachableError(
                "kubectl was not found on PATH. Remedy: install it (Debian: apt-get install "
                "kubernetes-client), or submit from a machine that has it"
            )
        flags = {"--context": self.context, "--namespace": self.namespace}
        return [program, *(f"{flag}={value}" for flag, value in flags.items() if value is not None)]

    def _error(self, text: str, printed: str) -> EnvironmentMismatchError:
        message = " ".join(line for line in text.splitlines() if line and not _KLOG.match(line))
        if _NOT_CONNECTED not in text and any(sign in text for sign in _CUT_OFF):
            return CutOffError(f"kubectl: {message}. {self._reach_remedy()}")
        if any(sign in text for sign in _UNREACHABLE):
            return UnreachableError(f"kubectl: {message}. {self._reach_remedy()}")
        if any(sign in text for sign in _UNAUTHORIZED):
            return RefusedError(f"kubectl: {message}. Remedy: log in to the cluster again", printed)
        if "(NotFound)" in text:
            return NotFoundError(f"kubectl: {message}", printed)
        return RefusedError(f"kubectl: {message}", printed)

    def _reach_remedy(self) -> str:
        where = f"--context={self.context} " if self.context else ""
        return f"Remedy: check that `kubectl {where}cluster-info` answers, and KUBECONFIG"
