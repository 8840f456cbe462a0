"""As much of a Kubernetes API server as kubectl needs: discovery, create, get, list, delete, logs.

It keeps what it is given and checks RayJobs by the CRD's schema, where that is at hand. There is no operator:
tests write the status that one would.
"""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator

from tests.cluster.openapi_v2 import openapi
from tests.cluster.rayjob_schema import rayjob_schema

NAMESPACE = "team"
"""Of the kubeconfig's context; the only one there is."""

_CORE = {"configmaps": "ConfigMap", "pods": "Pod", "persistentvolumeclaims": "PersistentVolumeClaim"}
_TYPES = [*(("", "v1", kind) for kind in _CORE.values()), ("ray.io", "v1", "RayJob")]
_OPENAPI_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


class KubernetesApi:
    """The objects that a server holds, and what it answers."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        """By plural and name."""
        self.logs: dict[str, list[str]] = {}
        """Lines with their timestamps, by pod."""
        self.forbidden: set[str] = set()
        """Plurals that this user may not touch."""
        self.knows_rayjobs = True
        schema = rayjob_schema()
        self._validator = Draft202012Validator(schema) if schema else None
        self._created = 0

    def put(self, plural: str, item: dict[str, Any]) -> None:
        """Hold an object, as a controller would make it."""
        self._created += 1
        item["metadata"] |= {
            "namespace": NAMESPACE,
            "uid": f"uid-{self._created}",
            "creationTimestamp": f"2026-01-01T00:00:{self._created:02d}Z",
        }
        self.objects[plural, item["metadata"]["name"]] = item

    def set_status(self, name: str, **status: Any) -> None:
        """Write a RayJob's status, as the operator would."""
        self.objects["rayjobs", name]["status"] = status

    def add_pod(
        self, name: str, labels: dict[str, str], lines: list[str] | None = None, **status: Any
    ) -> None:
        """Hold a pod; with lines, its container has run and printed them."""
        spec = {"containers": [{"name": "main"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}
        self.put("pods", pod | {"status": {"phase": "Pending" if lines is None else "Running"} | status})
        self.logs[name] = lines or []

    def answer(self, verb: str, target: str, body: bytes) -> tuple[int, Any]:
        """Return status and content for a request."""
        url = urlsplit(target)
        found = self._discovery(url.path)
        if found is not None:
            return 200, found
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        match url.path.partition("/namespaces/")[2].split("/"):
            case [namespace, *_] if namespace != NAMESPACE:
                return _failure(404, "NotFound", f'namespaces "{namespace}" not found')
            case [_, plural, *_] if plural in self.forbidden:
                return _failure(403, "Forbidden", f"{plural} is forbidden")
            case [_, plural, *rest]:
                return self._act(verb, plural, rest, query, body)
        return _failure(404, "NotFound", f"no such path {url.path}")

    def _act(
        self, verb: str, plural: str, rest: list[str], query: dict[str, str], body: bytes
    ) -> tuple[int, Any]:
        match verb, rest:
            case "POST", []:
                return self._create(plural, json.loads(body), is_dry_run="dryRun" in query)
            case "GET", []:
                return 200, self._list(plural, query.get("labelSelector", ""))
            case "GET", [pod, "log"]:
                return 200, self._log(pod, query)
            case (("GET" | "DELETE"), [name]):
                return self._one(verb, plural, name)
        return _failure(405, "MethodNotAllowed", f"{verb} {plural}")

    def _discovery(self, path: str) -> Any | None:
        ray = {"groupVersion": "ray.io/v1", "version": "v1"}
        groups = (
            [{"name": "ray.io", "versions": [ray], "preferredVersion": ray}] if self.knows_rayjobs else []
        )
        return {
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
            "/api/v1": _resources("v1", _CORE),
            "/apis/ray.io/v1": _resources("ray.io/v1", {"rayjobs": "RayJob"}),
            "/openapi/v2": openapi(_TYPES),
        }.get(path)

    def _create(self, plural: str, item: dict[str, Any], *, is_dry_run: bool) -> tuple[int, Any]:
        name = item["metadata"]["name"]
        if (plural, name) in self.objects:
            return _failure(409, "AlreadyExists", f'{plural} "{name}" already exists')
        if plural == "rayjobs" and self._validator:
            causes = [
                {"reason": "FieldValueInvalid", "field": e.json_path.removeprefix("$."), "message": e.message}
                for e in self._validator.iter_errors(item)
            ]
            if causes:
                code, status = _failure(422, "Invalid", f'RayJob "{name}" is invalid')
                details = {"name": name, "group": "ray.io", "kind": "RayJob", "causes": causes}
                return code, status | {"details": details}
        if not is_dry_run:
            self.put(plural, item)
        return 201, item

    def _one(self, verb: str, plural: str, name: str) -> tuple[int, Any]:
        if (plural, name) not in self.objects:
            return _failure(404, "NotFound", f'{plural} "{name}" not found')
        if verb == "GET":
            return 200, self.objects[plural, name]
        del self.objects[plural, name]
        return 200, {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    def _list(self, plural: str, selector: str) -> Any:
        key, _, value = selector.partition("=")
        items = [item for (kind, _), item in self.objects.items() if kind == plural]
        held = [i for i in items if not selector or i["metadata"].get("labels", {}).get(key) == value]
        return {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": copy.deepcopy(held)}

    def _log(self, pod: str, query: dict[str, str]) -> bytes:
        since = query.get("sinceTime", "")
        lines = [line for line in self.logs[pod] if line[:19] >= since[:19]]
        return "".join(f"{line}\n" for line in lines).encode()


def _resources(version: str, kinds: dict[str, str]) -> Any:
    verbs = ["create", "delete", "get", "list", "watch"]
    resources = [
        {"name": plural, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": verbs}
        for plural, kind in kinds.items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


def _failure(code: int, reason: str, message: str) -> tuple[int, Any]:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {}}
    return code, status | {"reason": reason, "code": code, "message": message}


@contextmanager
def served(api: KubernetesApi, kubeconfig: Path) -> Iterator[None]:
    """Serve on localhost, and write the configuration with which kubectl finds it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # header and content in one packet: two would wait 40 ms for each other

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            code, content = api.answer(self.command, self.path, body)
            is_raw = isinstance(content, bytes)
            data = content if is_raw else json.dumps(content).encode()
            self.send_response(code)
            raw = "text/plain" if "/log" in self.path else _OPENAPI_TYPE
            self.send_header("Content-Type", raw if is_raw else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": address}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}],
            "current-context": "x",
        }
        kubeconfig.write_text(json.dumps(config), encoding="utf-8")
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
