"""Watching a service must not disturb it, and a page that lies is refused, not guessed at."""

from perflib.monitor.exposition import Sample, parse_metrics
from perflib.monitor.live import Reading, readings
from perflib.monitor.scraper import Scraper, scrape

__all__ = ["Reading", "Sample", "Scraper", "parse_metrics", "readings", "scrape"]
