"""Time to process a chunk of a session.

As a script it measures and judges; under pytest it proves that the benchmark works.
"""

import sys

from perflib.cli import main

RESULT = "tests/performance/results/session_processing.json"


def test_session_processing(headlines):
    headline = headlines("session_processing", "session_processing.json")
    assert headline["processing_time"] > 0
    assert set(headline["verdicts"]) == headlines.promises("session_processing")


if __name__ == "__main__":
    main(["run", "session_processing", "--headline", RESULT, *sys.argv[1:]])
