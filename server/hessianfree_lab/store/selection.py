"""Which runs a selection means, as conditions in SQL."""

from sqlalchemy import ColumnElement, and_, or_

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.store.filters import Clock, condition, parse
from hessianfree_lab.store.filters.columns import has_tag, is_shown_as
from hessianfree_lab.store.interface import RunSelection
from hessianfree_lab.store.removals import IS_THERE
from hessianfree_lab.store.tables import runs, tags

MOST_WORDS = 50


def passes(selection: RunSelection, clock: Clock) -> ColumnElement[bool]:
    """Whether a run is meant. `InvalidRequest` where the filter is none, or there are too many words."""
    conditions: list[ColumnElement[bool]] = [IS_THERE]
    if selection.ids:
        conditions.append(runs.c.id.in_(selection.ids))
    if selection.state:
        conditions.append(or_(*(is_shown_as(word, clock) for word in selection.state)))
    for column, wanted in ((runs.c.problem, selection.problem), (runs.c.optimizer, selection.optimizer)):
        if wanted is not None:
            conditions.append(column == wanted)
    if selection.tag is not None:
        conditions.append(has_tag(tags.c.tag == selection.tag))
    if selection.archived is not None:
        conditions.append(runs.c.archived.is_(selection.archived))
    conditions += [_mentions(word) for word in _words(selection.q or "")]
    if selection.filter.strip():
        conditions.append(condition(parse(selection.filter), clock))
    return and_(*conditions)


def _words(text: str) -> list[str]:
    """Each word once; a database would choke on thousands of them."""
    words = list(dict.fromkeys(text.split()))
    if len(words) > MOST_WORDS:
        raise InvalidRequest([Fault("q", f"q has {len(words)} words; at most {MOST_WORDS} are allowed.")])
    return words


def _mentions(word: str) -> ColumnElement[bool]:
    texts = (runs.c.name, runs.c.problem, runs.c.optimizer, runs.c.id)
    return or_(
        *(text.icontains(word, autoescape=True) for text in texts),
        has_tag(tags.c.tag.icontains(word, autoescape=True)),
    )
