"""Render the report of every target from its latest run."""

import sys

from perflib.cli import main

if __name__ == "__main__":
    main(["report", *sys.argv[1:]])
