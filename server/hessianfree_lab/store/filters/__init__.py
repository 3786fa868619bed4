"""The language of filters: docs/filters.md."""

from hessianfree_lab.store.filters.columns import Clock, sort_keys
from hessianfree_lab.store.filters.conditions import STATES, condition
from hessianfree_lab.store.filters.names import OWN, Metric, NameRefused, Own, Setting, meaning
from hessianfree_lab.store.filters.parser import parse
from hessianfree_lab.store.filters.syntax import And, Comparison, Node, Not, Or, Value

__all__ = [
    "OWN",
    "STATES",
    "And",
    "Clock",
    "Comparison",
    "Metric",
    "NameRefused",
    "Node",
    "Not",
    "Or",
    "Own",
    "Setting",
    "Value",
    "condition",
    "meaning",
    "parse",
    "sort_keys",
]
