"""Throughput and response times of the API gateway.

As a script it measures and judges; under pytest it proves that the benchmark works.
"""

import sys

from perflib.cli import main

RESULT = "tests/performance/results/api_gateway_throughput.json"


def test_api_gateway_throughput(headlines):
    headline = headlines("api_gateway", "api_gateway_throughput.json")
    assert headline["throughput"] > 0
    assert set(headline["verdicts"]) == headlines.promises("api_gateway")


if __name__ == "__main__":
    main(["run", "api_gateway", "--headline", RESULT, *sys.argv[1:]])
