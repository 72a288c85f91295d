"""Tables of chosen columns in the human and the parsable form (libofmt, as dladm(8) and ipadm(8) print them)."""

from __future__ import annotations

import sys


class FieldError(Exception):
    """A choice of columns that ends the command."""


class Table:
    """Prints rows of the columns that `-o` chose; the heading comes with the first row."""

    __slots__ = ("_begun", "_columns", "_parsable", "_widths")

    def __init__(
        self,
        command: str,
        known: dict[str, int],
        chosen: str | None,
        *,
        parsable: bool,
        default: str | None = None,
    ) -> None:
        if parsable and not chosen:
            raise FieldError("output fields must be specified in parsable mode")
        if parsable and chosen is not None and chosen.lower() == "all":
            raise FieldError("output field `all' invalid in parsable mode")
        if chosen is None or chosen.lower() == "all":
            chosen = ",".join(known) if chosen or default is None else default
        asked = chosen.split(",")
        columns = [name.upper() for name in asked if name.upper() in known]
        strange = [name for name in asked if name.upper() not in known]
        if not columns:
            raise FieldError("no valid output fields")
        if strange:
            text = f"unknown output field{'s' if len(strange) > 1 else ''}:" + "".join(f" `{n}'" for n in strange)
            if parsable:
                raise FieldError(text)
            print(f"{command}: warning: {text}", file=sys.stderr)
        self._columns = columns
        self._widths = known
        self._parsable = parsable
        self._begun = False

    def row(self, values: dict[str, str]) -> None:
        """Print one row; a column without a value is empty in the parsable form and `--` in the human one."""
        cells = [values.get(name, "") for name in self._columns]
        if self._parsable:
            if len(cells) > 1:
                cells = [cell.replace("\\", "\\\\").replace(":", "\\:") for cell in cells]
            print(":".join(cells))
            return
        if not self._begun:
            self._begun = True
            self._line(self._columns)
        self._line([cell or "--" for cell in cells])

    def _line(self, cells: list[str]) -> None:
        padded = [cell.ljust(self._widths[name] - 1) for name, cell in zip(self._columns[:-1], cells, strict=False)]
        print(" ".join([*padded, cells[-1]]))
