"""Scrape the metrics page of every target once and keep what it said."""

import sys

from perflib.cli import main

if __name__ == "__main__":
    main(["collect", *sys.argv[1:]])
