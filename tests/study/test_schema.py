import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from harness.study.schema import SCHEMA_PATH, schema_text


def test_the_committed_schema_is_current() -> None:
    """A change of the models without `make schema` fails here."""
    assert SCHEMA_PATH.read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("path", sorted(SCHEMA_PATH.parent.glob("*.yaml")), ids=str)
def test_shipped_studies_satisfy_the_schema(path: Path) -> None:
    """Editors show no false errors in our own files."""
    schema = json.loads(schema_text())
    jsonschema.validate(YAML(typ="safe", pure=True).load(path), schema)


def test_the_schema_refuses_an_unknown_field(study_text: str) -> None:
    """It is as strict as the parser about names."""
    schema = json.loads(schema_text())
    data = YAML(typ="safe", pure=True).load(study_text.replace("batch_size", "batchsize"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema)
