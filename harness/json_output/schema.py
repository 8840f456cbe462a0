"""The JSON schema of all answers."""

import json

from pydantic.json_schema import models_json_schema

from harness.json_output.answer import SCHEMA, Answer, Refused


def schema_text() -> str:
    """Return the JSON schema of every answer: one of `$defs`, by its `command`."""
    models: list[type[Answer]] = [*answers(), Refused]
    _, schema = models_json_schema([(own, "serialization") for own in models], by_alias=True)
    names = [own.__name__ for own in models]
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "What recipe-harness answers with --json",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in names],
        "$defs": schema["$defs"],
    }
    return json.dumps(whole, indent=1) + "\n"


def answers() -> list[type[Answer]]:
    """Return the model of every answer that holds facts."""
    return [own for own in Answer.__subclasses__() if own is not Refused]
