"""What was seen of a chain: only blocks that arrived count, and every doubt is said.

Timestamps are the chain's word; arrivals are ours. Where the two tell different stories,
the promise about block time stays unjudged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import isnan
from statistics import median

from perflib.model import Caveat
from perflib.units import format_quantity
from perflib.workloads.fields import NEXT_STEPS

AGREEMENT = 0.2
"""Timestamps and arrivals may differ by this share of the time watched."""
COARSE = 4
"""A slot of fewer resolutions of the timestamps than this cannot be told missed by them."""
FAILED_POLLS = 0.1
"""A share of failed polls from which arrivals are known worse than the poll interval says."""
REWOUND = 2
"""Proposers who race may cost a chain its newest block; who goes back further was rewound."""
FUTURE_S = 1.0
"""Timestamps further ahead of our clock than this mean that the clocks differ."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block as it was answered; times in seconds, `timestamp` since 1970."""

    height: int
    timestamp: float
    hash: str = ""
    parent: str = ""
    proposer: str = ""
    transactions: float | None = None
    consensus_latency: float | None = None
    validation_time: float | None = None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A block and its observed arrival.

    `interval` is the time since the block before arrived (None: not observed) and
    `together` how many blocks came until the same poll, whose intervals are shared out.
    `late` is a block that took another's place, whose arrival it still has.
    """

    block: Block
    arrived_s: float
    interval: float | None
    together: int = 1
    late: bool = False

    @property
    def exact(self) -> bool:
        """Whether the arrival is that of this very block."""
        return self.together == 1 and not self.late


@dataclass
class Chain:
    """The blocks seen, by height, and what was odd about them.

    `replaced` are height and hash of those whose place another block took; one of them that
    comes back was never replaced for the node that told it.
    """

    seen: dict[int, Seen] = field(default_factory=dict)
    replaced: dict[tuple[int, str], None] = field(default_factory=dict)
    returned: int = 0
    rewound: bool = False
    top: int = -1
    first: int = -1
    head: int = -1
    backwards: int = 0
    fall: tuple[int, int] = (0, 0)
    skipped: int = 0

    def start(self, block: Block, arrived_s: float) -> None:
        """The block that was there already: its timestamp counts, its arrival was not seen."""
        self.first = self.top = self.head = block.height
        self.seen[block.height] = Seen(block=block, arrived_s=arrived_s, interval=None)

    def extend(self, blocks: list[Block], arrived_s: float) -> None:
        """Blocks above the top, found by one poll; those that it could not have came as well."""
        before, came = self.seen[self.top], blocks[-1].height - self.top
        share = (arrived_s - before.arrived_s) / came if self.top > self.first else None
        for block in blocks:
            self.seen[block.height] = Seen(
                block=block, arrived_s=arrived_s, interval=share, together=came
            )
        self.top = self.head = blocks[-1].height

    def replace(self, block: Block) -> None:
        """Another block than the one seen before at its height: a re-organisation."""
        old = self.seen[block.height]
        self.returned += (block.height, block.hash) in self.replaced
        self.replaced[block.height, old.block.hash] = None
        self.seen[block.height] = replace(old, block=block, late=True)

    def differs(self, block: Block) -> bool:
        """Whether another block was seen at the height of `block`."""
        old = self.seen.get(block.height)
        return old is not None and bool(block.hash) and old.block.hash != block.hash

    def note_head(self, head: Block) -> None:
        """Count a head lower than the one answered before, keep the deepest fall, and doubt it."""
        self.backwards += head.height < self.head
        self.fall = max(self.fall, (self.head, head.height), key=lambda fall: fall[0] - fall[1])
        self.rewound |= self.top - head.height >= REWOUND and self.differs(head)
        self.head = head.height

    def new(self) -> Iterator[tuple[Seen, float | None]]:
        """Each block that arrived, and the time between its timestamp and its parent's."""
        for height in sorted(self.seen):
            if height > self.first:
                parent = self.seen.get(height - 1)
                now = self.seen[height]
                spacing = now.block.timestamp - parent.block.timestamp if parent else None
                yield now, None if spacing is None or isnan(spacing) else spacing


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How a chain was watched: times in seconds from the run's start, clock from 1970.

    `poll_s` is how often it was asked, or where that is more, how long an answer took;
    `longest_s` what the slowest one took. `error` is that of most of the `failed` polls.
    """

    began_s: float
    ended_s: float
    epoch_s: float
    poll_s: float
    expected_s: float | None
    polls: int
    failed: int
    error: str = ""
    longest_s: float = 0.0


@dataclass
class Story:
    """What the watching amounts to."""

    chain: Chain
    watch: Watch

    def __post_init__(self) -> None:
        self.blocks = list(self.chain.new())
        self.spacings = [spacing for _, spacing in self.blocks if spacing is not None]
        dated = [seen for seen, _ in self.blocks if not isnan(seen.block.timestamp)]
        stamps = [seen.block.timestamp for seen in dated]
        self.resolution_s = 1.0 if stamps and all(s == int(s) for s in stamps) else 0.0
        self.slot_s = self.watch.expected_s or max(median(self.spacings or [0.0]), 0.0)
        lags = [self.age(seen) for seen in dated if seen.exact]
        self.lag_s = median(lags) if lags else None

    @property
    def silence_s(self) -> float:
        """Time from the last arrival to the end."""
        last = self.blocks[-1][0].arrived_s if self.blocks else self.watch.began_s
        return self.watch.ended_s - last

    @property
    def unresolved_s(self) -> float:
        """How long a block may be there unseen, since the node is asked and answers that seldom."""
        return max(self.watch.poll_s, self.watch.longest_s)

    @property
    def stalled(self) -> bool:
        """Whether the chain was silent at the end for longer than a slot left out explains.

        Where its height went on, it is the node that takes long to give the blocks.
        """
        unseen_s = 2 * (self.slot_s or 0) + self.unresolved_s
        return bool(self.slot_s) and self.chain.head <= self.chain.top and self.silence_s > unseen_s

    @property
    def rewound(self) -> bool:
        """Whether the chain went on from further back, or stays there."""
        stays = self.stalled or not self.blocks
        return self.chain.rewound or (stays and self.chain.top - self.chain.head >= REWOUND)

    @property
    def clock_differs(self) -> bool:
        """Whether timestamps lie in our future, or further back than ten slots (a minute)."""
        if self.lag_s is None:
            return False
        late = max(60.0, 10 * self.slot_s)
        return self.lag_s < -FUTURE_S - self.resolution_s or self.lag_s > late

    def missed_slots(self) -> int:
        """Slots without a block, given the expected block time; the silent end counts too."""
        slot = self.watch.expected_s
        if not slot or self.rewound:
            return 0
        between = sum(max(round(spacing / slot) - 1, 0) for spacing in self._steps(slot))
        seen_to_end = self.blocks and self.chain.head <= self.chain.top
        silent_s = self.silence_s - self.unresolved_s
        return between + (max(int(silent_s / slot - 0.5), 0) if seen_to_end else 0)

    def _steps(self, slot: float) -> list[float]:
        """Times between blocks by timestamps; by arrivals where those are coarse or contradict."""
        coarse = slot < COARSE * self.resolution_s
        if self.spacings and not coarse and not any(self._disagreement()):
            return self.spacings
        return [seen.interval for seen, _ in self.blocks if seen.interval is not None]

    def caveats(self) -> Iterator[Caveat]:
        """Everything that makes the numbers doubtful; of two chains in one, only that they are."""
        if self.chain.returned or self.rewound:
            yield self._two_chains()
        elif not self.blocks:
            yield self._never_advanced()
        else:
            yield from self._stalled()
            yield from self._disagreement()
            yield from self._clock()
            yield from self._oddities()

    def _two_chains(self) -> Caveat:
        """What was watched is not one chain that grew."""
        if self.chain.returned:
            return Caveat(
                code="nodes disagree",
                message=f"{len(self.chain.replaced)} blocks were answered by turns with others "
                "of the same height",
                next_step="ask one node instead of several behind a balancer",
                voids=("*",),
            )
        return Caveat(
            code="chain rewound",
            message="the height fell from {} to {}: the chain was rewound, or another one took "
            "its place".format(*self.chain.fall),
            next_step="find out who reset or restarted it, and measure again",
            voids=("*",),
        )

    def _never_advanced(self) -> Caveat:
        watched = self.watch.ended_s - self.watch.began_s
        short = self.watch.expected_s is not None and watched < 2 * self.watch.expected_s
        return Caveat(
            code="height never advanced",
            message=f"the height stayed at {self.chain.first} for {format_quantity(watched, 's')}"
            f" and {self.watch.polls} polls, whatever the chain says of itself",
            next_step="watch for longer: two block times have not passed"
            if short
            else "check that the validators run and reach their quorum",
            voids=("*",),
        )

    def _stalled(self) -> Iterator[Caveat]:
        if self.stalled:
            yield Caveat(
                code="chain stalled",
                message=f"no block arrived in the last {format_quantity(self.silence_s, 's')}",
                next_step="check that the validators still run and reach their quorum",
                voids=("block_time", "arrival_interval", "block_transactions", "consensus_latency"),
            )

    def _disagreement(self) -> Iterator[Caveat]:
        timed = [seen for seen, _ in self.blocks if seen.interval is not None]
        if not timed:
            return
        first = [seen for seen, _ in self.blocks if seen.interval is None][-1]
        arrivals = timed[-1].arrived_s - first.arrived_s
        stamps = timed[-1].block.timestamp - first.block.timestamp
        allowed = AGREEMENT * arrivals + 2 * (self.watch.poll_s + self.resolution_s)
        if abs(stamps - arrivals) > allowed:
            count = timed[-1].block.height - first.block.height
            yield Caveat(
                code="timestamps contradict arrivals",
                message=f"{count} blocks took {format_quantity(stamps, 's')} by their "
                f"timestamps but arrived within {format_quantity(arrivals, 's')}",
                next_step="trust `arrival_interval`, and check the clock of the proposers",
                voids=("block_time", "consensus_latency"),
            )

    def _clock(self) -> Iterator[Caveat]:
        if self.lag_s is not None and self.clock_differs:
            side = "after" if self.lag_s > 0 else "before"
            yield Caveat(
                code="clocks differ",
                message=f"blocks arrive {format_quantity(abs(self.lag_s), 's')} {side} "
                "their timestamps (median)",
                next_step="synchronise the clocks of the chain and of this machine",
                voids=("consensus_latency",),
            )
        told = [
            (seen.block.consensus_latency, self.age(seen))
            for seen, _ in self.blocks
            if seen.block.consensus_latency is not None and seen.exact
        ]
        slack = self.watch.poll_s + self.resolution_s + FUTURE_S
        wrong = [latency for latency, age in told if latency < 0 or latency > age + slack]
        if wrong and not self.clock_differs:
            yield Caveat(
                code="told latency contradicts arrivals",
                message=f"{len(wrong)} blocks arrived before their told consensus was over",
                next_step="check the unit of the `consensus_latency` field",
                voids=("consensus_latency",),
            )

    def age(self, seen: Seen) -> float:
        """How old a block was at its arrival, by its own timestamp (s)."""
        return self.watch.epoch_s + seen.arrived_s - seen.block.timestamp

    def _oddities(self) -> Iterator[Caveat]:
        """Events to know of; they void only what they blur."""
        together = sum(seen.together > 1 for seen, _ in self.blocks)
        backwards = sum(spacing < 0 for spacing in self.spacings)
        share = together / len(self.blocks)
        failed = self.watch.failed if self.watch.failed > FAILED_POLLS * self.watch.polls else 0
        for count, code, message, step, voids in (
            (
                together,
                "arrivals not resolved",
                f"{together} of {len(self.blocks)} blocks were found several at once; "
                "their arrival intervals are shared out evenly",
                "poll more often than the chain makes blocks, or ask a node that answers sooner",
                ("arrival_interval",) if share > 0.1 else (),
            ),
            (
                len(self.chain.replaced),
                "chain re-organised",
                f"{len(self.chain.replaced)} blocks were replaced by others",
                "judge finality by the depth of `details.chain.replaced`",
                (),
            ),
            (
                failed,
                "polls failed",
                f"{failed} of {self.watch.polls} polls failed, most with `{self.watch.error}`; "
                "arrivals are known less exactly than the poll interval says",
                NEXT_STEPS.get(self.watch.error, "mend what the node answers"),
                ("arrival_interval",) if failed > 0.5 * self.watch.polls else (),
            ),
            (
                self.chain.backwards,
                "height went backwards",
                f"the answered height fell {self.chain.backwards} times",
                "ask one node instead of several behind a balancer",
                (),
            ),
            (
                backwards,
                "timestamps go backwards",
                f"{backwards} blocks are older than their parents",
                "synchronise the clocks of the proposers",
                ("block_time",),
            ),
            (
                self.chain.skipped,
                "blocks not seen",
                f"{self.chain.skipped} blocks could not be fetched after a jump of the height",
                "check `block_path`, and poll more often",
                ("block_time",) if self.chain.skipped > 0.1 * len(self.blocks) else (),
            ),
        ):
            if count:
                yield Caveat(code=code, message=message, next_step=step, voids=voids)
