"""The JSON schema of study files, so that editors complete and check them while they are written.

`python -m harness.study.schema` writes `search_spaces/study.schema.json`; `--check` only compares.
"""

import argparse
import json
import sys
from pathlib import Path

from harness.study.file import StudyFile

SCHEMA_PATH = Path(__file__).parents[2] / "search_spaces" / "study.schema.json"


def schema_text() -> str:
    """Return the schema as indented JSON."""
    schema = StudyFile.model_json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=1) + "\n"


def main() -> int:
    """Write the schema, or with `--check` say whether the committed one is current."""
    parser = argparse.ArgumentParser(prog="python -m harness.study.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 when it is out of date")
    if not parser.parse_args().check:
        SCHEMA_PATH.write_text(schema_text(), encoding="utf-8")
        return 0
    if SCHEMA_PATH.exists() and SCHEMA_PATH.read_text(encoding="utf-8") == schema_text():
        return 0
    sys.stderr.write(f"{SCHEMA_PATH.name} is out of date. Remedy: make schema\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
