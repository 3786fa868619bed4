"""Values as cells of a CSV file, which people open in a spreadsheet."""

from typing import Any

from pydantic_core import to_json

from hessianfree_lab.records import encode

_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> Any:
    """Nothing for None; texts separated by spaces for a list of them; JSON for other lists, and for mappings.

    A text that a spreadsheet would take for a formula, and run, begins with an apostrophe, which it does not show.
    Numbers stay as they are, NaN and the infinities as `NaN`, `Infinity`, `-Infinity`.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return encode(value)
        case int():
            return value
        case str():
            text = value
        case list() if all(isinstance(item, str) for item in value):
            text = " ".join(value)
        case _:
            text = to_json(value, inf_nan_mode="strings").decode().strip('"')
    return f"'{text}" if text.startswith(_BEGINS_A_FORMULA) else text
