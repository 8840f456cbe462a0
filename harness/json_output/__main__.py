"""Print the JSON schema of all answers."""

import sys

from harness.json_output import schema_text

if __name__ == "__main__":
    sys.stdout.write(schema_text())
