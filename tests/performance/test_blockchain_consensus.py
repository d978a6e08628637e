"""Block time, consensus and anchoring of the blockchain.

As a script it measures and judges; under pytest it proves that the benchmark works.
"""

import sys

from perflib.cli import main

RESULT = "tests/performance/results/blockchain_consensus.json"


def test_blockchain_consensus(headlines):
    headline = headlines("blockchain", "blockchain_consensus.json")
    assert headline["block_time"] > 0
    assert set(headline["verdicts"]) == headlines.promises("blockchain")


if __name__ == "__main__":
    main(["run", "blockchain", "--headline", RESULT, *sys.argv[1:]])
