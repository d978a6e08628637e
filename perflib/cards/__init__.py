"""What a notebook says in words and tables: escaped, sortable, the finding first."""

from perflib.cards import across, comparing, past
from perflib.cards.card import Card, Cell, Code, Number, Spark, State, Table
from perflib.cards.run import facts, findings, generator, method, next_steps, plan, verdict

__all__ = [
    "Card",
    "Cell",
    "Code",
    "Number",
    "Spark",
    "State",
    "Table",
    "across",
    "comparing",
    "facts",
    "findings",
    "generator",
    "method",
    "next_steps",
    "past",
    "plan",
    "verdict",
]
