"""What the page of runs knows when it arrives: the first page of the view that its address names."""

import re
from collections.abc import Mapping
from typing import Any

from hessianfree_lab.api.selection import ARCHIVED, LONGEST_WORDS, states
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.store.interface import RunQuery, Store

PAGE = 50
"""Runs that come at once: those of the page's modules, lib/runs.js."""
_COMPARES = re.compile(r"[=<>:]")  # as in lib/filters.js: a filter, not words


def known(store: Store, address: Mapping[str, str]) -> dict[str, Any]:
    """`{page, fault, views}`; no `page` where the view groups its runs, or where `fault` says why there is none."""
    page = fault = None
    if not address.get("group"):
        try:
            page = store.list_runs(_query(address)).model_dump(mode="json")
        except InvalidRequest as error:
            fault = vars(error.faults[0])
    views = [view.model_dump(mode="json") for view in store.table.views()]
    return {"page": page, "fault": fault, "views": views}


def _query(address: Mapping[str, str]) -> RunQuery:
    text = address.get("q", "").strip()
    is_filter = _COMPARES.search(text) is not None
    if not is_filter and len(text) > LONGEST_WORDS:
        message = f"q has {len(text)} characters; at most {LONGEST_WORDS} are allowed."
        raise InvalidRequest([Fault("q", message)])
    return RunQuery(
        state=states(address.get("state", "")),
        problem=address.get("problem") or None,
        optimizer=address.get("optimizer") or None,
        q=None if is_filter else text or None,
        filter=text if is_filter else "",
        archived=ARCHIVED.get(address.get("archived", ""), False),
        sort=address.get("sort", "-created"),
        limit=PAGE,
    )
