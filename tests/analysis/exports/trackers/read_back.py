"""Print what lies at a tracker as JSON, read by its own code; runs in the trackers' environment."""

import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BLOCK, _HEADER = 32768, 7


def main() -> None:
    """Print run names, each with its configuration, rows and how it ended."""
    target, place, project = sys.argv[1:]
    json.dump({"trackio": trackio, "wandb": wandb}[target](Path(place), project), sys.stdout)


def trackio(place: Path, project: str) -> dict[str, Any]:
    """Return the runs of a trackio project."""
    os.environ["TRACKIO_DIR"] = str(place)
    from trackio.sqlite_storage import SQLiteStorage as Storage

    found = {}
    for run in Storage.get_run_records(project):
        own = {"run_id": run["id"]}
        rows = Storage.get_logs(project, run["name"], **own)
        found[run["name"]] = {"config": Storage.get_run_config(project, run["name"], **own), "rows": rows}
    return found


def wandb(place: Path, project: str) -> dict[str, Any]:
    """Return the runs of a W&B project that lie in offline folders."""
    found: dict[str, Any] = {}
    for file in sorted(place.glob("wandb/offline-run-*/run-*.wandb")):
        record: dict[str, Any] = {"rows": [], "summary": {}}
        for one in _records(file.read_bytes()):
            kind = one.WhichOneof("record_type")
            if kind == "run":
                assert one.run.project == project
                record |= {"id": one.run.run_id, "name": one.run.display_name, "notes": one.run.notes}
                record |= {"group": one.run.run_group, "type": one.run.job_type}
                record["config"] = {item.key: json.loads(item.value_json) for item in one.run.config.update}
            if kind == "history":
                named = {item.key or item.nested_key[0]: item.value_json for item in one.history.item}
                record["rows"].append({key: json.loads(value) for key, value in named.items()})
            if kind == "summary":
                record["summary"] |= {
                    item.key or ".".join(item.nested_key): json.loads(item.value_json)
                    for item in one.summary.update
                }
            if kind == "exit":
                record["exit_code"] = one.exit.exit_code
        assert record["name"] not in found, f"two folders hold {record['name']}"
        found[record["name"]] = record
    return found


def _records(content: bytes) -> Iterator[Any]:
    """Yield the records of a `.wandb` file: chunks in blocks, as LevelDB's log has them, after a header."""
    from wandb.proto.wandb_internal_pb2 import Record

    at, whole = _HEADER, b""
    while at + _HEADER <= len(content):
        left = _BLOCK - at % _BLOCK
        if left < _HEADER:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + _HEADER])
        whole += content[at + _HEADER : at + _HEADER + length]
        at += _HEADER + length
        if kind in {1, 4}:  # all of a record, or its last part
            yield Record.FromString(whole)
            whole = b""


if __name__ == "__main__":
    main()
