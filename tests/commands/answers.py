"""Checks what commands answer with `--json` against the documented schema."""

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from harness import json_output

SCHEMA = Path(__file__).parents[2] / "docs/json.schema.json"


def checked(text: str) -> dict[str, Any]:
    """Return an answer that is one JSON object, of the model of its command."""
    told: dict[str, Any] = json.loads(text)
    whole = json.loads(SCHEMA.read_text(encoding="utf-8"))
    is_refused = told.keys() == {"schema", "command", "error"}
    models = [own.__name__ for own in json_output.answers() if told["command"] in own.commands()]
    model = "Refused" if is_refused else models[0]
    Draft202012Validator({"$ref": f"#/$defs/{model}", "$defs": whole["$defs"]}).validate(told)
    return told
