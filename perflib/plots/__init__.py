"""Figures draw what analysis found, and nothing else; each title is the finding."""

from perflib.plots import chain, comparing, history, pipeline, queries, traffic
from perflib.plots.capacity import capacity
from perflib.plots.house import Drawing, show
from perflib.plots.latency import by_label, distribution, heatmap, percentiles

__all__ = [
    "Drawing",
    "by_label",
    "capacity",
    "chain",
    "comparing",
    "distribution",
    "heatmap",
    "history",
    "percentiles",
    "pipeline",
    "queries",
    "show",
    "traffic",
]
