"""The checksums of the committed results, as `sha256sum --check` reads them: results/reference/SHA256SUMS.

`python -m docs.generators.checksums` writes them again.
"""

import hashlib
from pathlib import Path

REFERENCE = Path(__file__).parents[2] / "results/reference"
NAME = "SHA256SUMS"

NOT_KEPT = (
    "epochs.parquet",
    "predictions.parquet",
    "report/figures/*.csv",
    "report/figures/*.pdf",
    "report/figures/*.png",
)
"""What `make report` writes beside the files that the repository keeps; as in .gitignore."""


def text(folder: Path) -> str:
    """Return a line a kept file below a folder, sorted by its path: SHA-256, two spaces, path."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    kept = {
        name: path
        for name, path in sorted(paths.items())
        if name != NAME and not any(path.match(pattern) for pattern in NOT_KEPT)
    }
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in kept.items()
    )


def main() -> None:
    """Write the file."""
    (REFERENCE / NAME).write_text(text(REFERENCE), encoding="utf-8")


if __name__ == "__main__":
    main()
