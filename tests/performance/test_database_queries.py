"""Query times of the database.

As a script it measures and judges; under pytest it proves that the benchmark works.
"""

import sys

from perflib.cli.script import benchmark


def test_database_queries(headlines):
    headline = headlines("database", "database_queries.json")
    assert headline["query_time"] > 0
    assert set(headline["verdicts"]) == headlines.promises("database")


if __name__ == "__main__":
    sys.exit(benchmark("database", "database_queries.json"))
