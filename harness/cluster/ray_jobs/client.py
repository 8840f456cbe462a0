"""The connection to a cluster's dashboard: who we are, what it answers, what went wrong in plain words."""

import asyncio
import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from harness.cluster.target import UnreachableError
from harness.errors import EnvironmentMismatchError

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

_PATIENCE_SECONDS = 10.0
"""For a dashboard's first answer; Ray's own client would wait for ever."""

_PAGE = re.compile(r"<!doctype|<html", re.IGNORECASE)

_RAYS_TOKEN_FILE = Path("~/.ray/auth_token")


class NoTokenError(EnvironmentMismatchError):
    """Report that RAY_AUTH_MODE asks for a token which is not here: no cluster can be asked anything."""


def ask_version(address: str) -> str:
    """Return the version of a cluster's Ray, which is of the same minor version as ours.

    Raises:
        UnreachableError: Nobody answers there.
        NoTokenError: We have none to show.
        EnvironmentMismatchError: The cluster wants another token, or this is not the Ray we need.
    """
    request = Request(f"{address}/api/version")  # noqa: S310 - http(s), see checked_address
    for name, value in _headers().items():
        request.add_unredirected_header(name, value)  # a token is for this host, wherever a proxy points to
    try:
        with urlopen(request, timeout=_PATIENCE_SECONDS) as answer:  # noqa: S310
            version = str(json.load(answer)["ray_version"])
    except HTTPError as error:
        error.close()
        raise _refusal(address, error.code) from error
    except OSError as error:
        raise _unreachable(address, error) from error
    except (HTTPException, ValueError, KeyError, TypeError) as error:
        raise EnvironmentMismatchError(
            f"{address}: what answers there is no dashboard of Ray. Remedy: the address that `ray start` "
            f"printed on the head, such as http://head:8265.",
            place=address,
        ) from error
    ours = metadata.version("ray")
    if version.split(".")[:2] != ours.split(".")[:2]:
        raise EnvironmentMismatchError(
            f"{address}: the cluster runs Ray {version}, and this harness was checked with Ray {ours}. "
            f"Remedy: a cluster with that minor version.",
            place=address,
        )
    return version


def connect(address: str) -> "JobSubmissionClient":
    """Return Ray's client of a cluster.

    Raises:
        EnvironmentMismatchError: `ray[default]` is missing here, or the cluster cannot be reached or refuses.
    """
    if find_spec("aiohttp") is None:
        raise EnvironmentMismatchError(
            "ray[default] is not installed here, which submits jobs (aiohttp is missing). Remedy: "
            'pip install "recipe-harness[cluster]", or in a checkout: pip install -e ".[cluster]"'
        )
    ask_version(address)
    from ray.job_submission import JobSubmissionClient

    for name in ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
        logging.getLogger(name).setLevel(logging.ERROR)  # it tells of every file it ships
    with explained(address), _no_other_address():
        return JobSubmissionClient(address, headers=_headers())


def output(client: "JobSubmissionClient", job_id: str) -> str:
    """Return the output of a submission; a cluster that was started anew has none of the earlier ones."""
    try:
        return client.get_job_logs(job_id)
    except RuntimeError as error:
        if "status code 404" not in str(error):
            raise
        return f"({job_id}: the cluster does not know this job, and has no output of it)\n"


def followed(client: "JobSubmissionClient", address: str, job_id: str) -> Iterator[str]:
    """Yield a job's output as it comes, until the job is over.

    Raises:
        EnvironmentMismatchError: The connection breaks; the job goes on.
    """
    chunks = client.tail_job_logs(job_id)

    async def next_chunk() -> str | None:
        return await anext(chunks, None)

    with asyncio.Runner() as runner:
        while True:
            with explained(address):
                chunk = runner.run(next_chunk())
            if chunk is None:
                break
            yield chunk
    with explained(address):
        status = client.get_job_status(job_id)
    if not status.is_terminal():
        raise EnvironmentMismatchError(
            f"{address}: the connection to job {job_id} broke, which goes on. Remedy: follow it again with "
            f"`python -m harness.submit logs -f RUN_DIR`.",
            place=address,
        )


@contextmanager
def explained(address: str) -> Iterator[None]:
    """Turn what Ray's client raises into errors that tell the address and the remedy."""
    import aiohttp
    from ray.exceptions import AuthenticationError

    try:
        yield
    except AuthenticationError as error:
        raise _refusal(address, HTTPStatus.UNAUTHORIZED) from error
    except (OSError, aiohttp.ClientError) as error:
        raise _unreachable(address, error) from error
    except (RuntimeError, ValueError) as error:
        raise EnvironmentMismatchError(
            f"{address}: Ray refuses. {_worded(str(error))}", place=address
        ) from error


def _headers() -> dict[str, str]:
    """Return what proves who we are: the token of the user's environment, in Ray's own order of places.

    Ray's client reads the environment once and keeps it; read here, an error can name what was looked at.

    Raises:
        NoTokenError: RAY_AUTH_MODE asks for a token, and there is none, or one that no request can carry.
    """
    if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
        return {}
    token, place = os.environ.get("RAY_AUTH_TOKEN", "").strip(), "RAY_AUTH_TOKEN"
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or _RAYS_TOKEN_FILE).expanduser()
    try:
        if not token:
            token, place = path.read_text(encoding="utf-8").strip(), str(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise NoTokenError(
            f"RAY_AUTH_MODE=token, but there is no RAY_AUTH_TOKEN, and {path} cannot be read ({reason}). "
            f"Remedy: RAY_AUTH_TOKEN_PATH=FILE with the cluster's token, mode 0600."
        ) from error
    if not token:
        raise NoTokenError(f"{path}: is empty. Remedy: the cluster's token, in one line.", place=path)
    if not (token.isascii() and token.isprintable()):
        raise NoTokenError(
            f"{place}: holds no token of Ray, which is one line of printable ASCII. Remedy: the cluster's "
            f"token alone, without typographic quotation marks or further lines.",
            place=place,
        )
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def _no_other_address() -> Iterator[None]:
    """Hide the variables that Ray's client prefers to the address it is given."""
    names = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


def _refusal(address: str, status: int) -> EnvironmentMismatchError:
    """Return the error for an answer that is none of 200."""
    if status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return EnvironmentMismatchError(
            f"{address}: answers with HTTP status {status}. Remedy: the address that `ray start` printed on "
            f"the head, such as http://head:8265.",
            place=address,
        )
    if _headers():
        return EnvironmentMismatchError(
            f"{address}: the cluster does not take this token (HTTP status {status}). Remedy: the token of "
            f"this cluster in RAY_AUTH_TOKEN, or the name of its file in RAY_AUTH_TOKEN_PATH.",
            place=address,
        )
    hint = f" ({_RAYS_TOKEN_FILE} exists: without RAY_AUTH_TOKEN_PATH it is taken)"
    return EnvironmentMismatchError(
        f"{address}: the cluster asks for a token (HTTP status {status}), and RAY_AUTH_MODE here is "
        f"{os.environ.get('RAY_AUTH_MODE') or 'not set'}. Remedy: RAY_AUTH_MODE=token and "
        f"RAY_AUTH_TOKEN_PATH=FILE{hint if _RAYS_TOKEN_FILE.expanduser().exists() else ''}",
        place=address,
    )


def _unreachable(address: str, error: Exception) -> UnreachableError:
    return UnreachableError(
        f"{address}: the cluster does not answer ({error}). Remedy: check the address, that the cluster "
        f"runs, and that its dashboard can be reached from here (ssh -L 8265:localhost:8265 HEAD).",
        place=address,
    )


def _worded(message: str) -> str:
    """Return the part of Ray's message that a user can act on."""
    if "exceeds the maximum size" in message or "status code 413" in message:
        return (
            "What would be shipped is larger than its dashboard, or a proxy before it, takes. Remedy: leave "
            "--working-dir out to ship the harness alone, name large files in a .gitignore, or --working-dir "
            "none where the cluster has the harness."
        )
    if page := _PAGE.search(message):  # of a proxy: the words before it tell all
        message = message[: page.start()].rstrip(" :\n") + " from a web server that is not Ray's"
    return message.strip().rstrip(".") + "."
