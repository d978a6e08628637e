"""Query times of the database.

As a script it measures and judges; under pytest it proves that the benchmark works.
"""

import sys

from perflib.cli import main

RESULT = "tests/performance/results/database_queries.json"


def test_database_queries(headlines):
    headline = headlines("database", "database_queries.json")
    assert headline["query_time"] > 0
    assert set(headline["verdicts"]) == headlines.promises("database")


if __name__ == "__main__":
    main(["run", "database", "--headline", RESULT, *sys.argv[1:]])
