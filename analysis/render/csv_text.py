"""Frames as CSV, safe in spreadsheets: what a study's author wrote as text is never taken for a formula."""

import numpy as np
import pandas as pd

_STARTS_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What a cell begins with that Excel, LibreOffice or Google Sheets may carry out, the wide forms included.

Source: OWASP, CSV Injection.
"""


def csv_text(frame: pd.DataFrame) -> str:
    """Return a frame as CSV with full precision; absent values are empty, numbers are as they are.

    Text that a spreadsheet would carry out has an apostrophe before it, which makes it text there.
    """
    safe = frame.copy(deep=False)
    for position, (_, column) in enumerate(frame.items()):
        if pd.api.types.is_numeric_dtype(column.dtype):
            continue
        cells = column.tolist()
        made_safe = [_made_safe(cell) if isinstance(cell, str) else cell for cell in cells]
        if any(new is not old for new, old in zip(made_safe, cells, strict=True)):
            safe.isetitem(position, np.array(made_safe, dtype="object"))
    return safe.to_csv(index=False, lineterminator="\n")


def _made_safe(cell: str) -> str:
    """Return text with an apostrophe where it needs one, and ends of lines that do not break a row."""
    text = f"'{cell}" if cell.startswith(_STARTS_FORMULA) and not _is_number(cell) else cell
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
