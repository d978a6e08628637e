"""Judge the history of every target: did it change, since when, how sure."""

import sys

from perflib.cli import main

if __name__ == "__main__":
    main(["trend", *sys.argv[1:]])
