"""Small probes that have a session anchored, at random moments so as not to beat with the blocks.

A probe ends when the answer's status says that the anchor holds. Many are under way at
once, because one that waits for a block must not delay the next.
"""

from __future__ import annotations

import json
import math
import random
import threading
import uuid
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

import httpx
from pydantic import Field

from perflib.samples import SampleWriter
from perflib.session import Session
from perflib.target import Seconds, Settings
from perflib.units import format_quantity
from perflib.workloads.fields import AnswerError, answer_of, as_number, find, kind_of
from perflib.workloads.paths import FieldPath, with_places

ASK_S = 0.1
"""How often a waiting anchor is asked for: the resolution of an anchoring time that waits."""
STUCK, STUCK_S = 2.0, 2.0
"""A probe that waits so many times as long as any other took, and so long, is not merely young."""


class AnchorSettings(Settings):
    """How a session is anchored; `{session}` and `{hash}` are filled in, `{id}` from the answer."""

    path: str = "/api/v1/anchoring/session"
    body: dict[str, Any] = Field(
        default={"session_id": "{session}", "root_hash": "{hash}"}, description="JSON that is sent"
    )
    interval: Seconds = Field(default=3.0, gt=0, description="mean time between probes")
    id: FieldPath = Field(default="session_id", description="what `{id}` stands for")
    status_path: Annotated[str, with_places("id")] = Field(
        default="/api/v1/anchoring/session/{id}", description="asked until the anchor holds"
    )
    status: FieldPath = "status"
    anchored: list[str] = Field(
        default=["certified", "included"], description="values of `status` that mean it holds"
    )
    height: FieldPath = Field(default="height", description="block that carries the anchor")
    timeout: Seconds = Field(default=60.0, gt=0, description="an anchor that takes longer failed")


@dataclass
class _Probe:
    start_s: float
    asked_s: float = 0.0
    identity: str = ""
    end_s: float | None = None
    error: str = ""
    height: float | None = None


class Anchors:
    """One thread that starts probes and asks after those that wait."""

    def __init__(
        self, settings: AnchorSettings, url: str, client: httpx.Client, session: Session
    ) -> None:
        self.settings, self.url, self.client, self.session = settings, url, client, session
        self.probes: list[_Probe] = []
        self.rng = random.Random(f"{session.run.seed}/anchors")
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.ended = threading.Event()

    def start(self) -> None:
        """Probe until `finish` is called."""
        self.thread.start()

    def finish(self) -> None:
        """Stop probing."""
        self.ended.set()
        self.thread.join(0.4)

    def _run(self) -> None:
        due = self.session.now()
        while not (self.ended.is_set() or self.session.stop.is_set()):
            if self.session.now() >= due:
                due += self.settings.interval * self.rng.uniform(0.5, 1.5)
                self._begin()
            for probe in self.probes:
                if self.ended.is_set():  # the client is closed soon
                    return
                if probe.end_s is None and self.session.now() - probe.asked_s > ASK_S:
                    self._ask(probe)
            self.ended.wait(max(min(due - self.session.now(), ASK_S), 0.0))

    def _begin(self) -> None:
        given = {
            "{session}": f"perflib-{uuid.uuid4().hex}",
            "{hash}": self.rng.randbytes(32).hex(),
        }
        text = json.dumps(self.settings.body)
        for place, value in given.items():
            text = text.replace(place, value)
        probe = _Probe(start_s=self.session.now())
        self.probes.append(probe)
        self._exchange(probe, "POST", self.settings.path, text)

    def _ask(self, probe: _Probe) -> None:
        if self.session.now() - probe.start_s > self.settings.timeout:
            probe.error, probe.end_s = "timeout", self.session.now()
        else:
            path = self.settings.status_path.format(id=quote(probe.identity, safe=""))
            self._exchange(probe, "GET", path, None)

    def _exchange(self, probe: _Probe, method: str, path: str, body: str | None) -> None:
        """Send one request and take from its answer how far the anchor is."""
        settings, probe.asked_s = self.settings, self.session.now()
        try:
            answer = answer_of(
                self.client.request(
                    method,
                    self.url.rstrip("/") + path,
                    content=body,
                    headers={"content-type": "application/json"} if body else None,
                )
            )
            if not probe.identity:
                probe.identity = str(find(answer, settings.id))
            if str(find(answer, settings.status)) in settings.anchored:
                probe.end_s = self.session.now()
                probe.height = _height(answer, settings.height)
        except (httpx.HTTPError, httpx.InvalidURL, AnswerError) as error:
            probe.error, probe.end_s = kind_of(error), self.session.now()

    def _settle(self) -> list[_Probe]:
        """The probes that tell of the chain; those stuck at the end among them, as failures.

        Of what began late only the quick would have ended, so none of it is told.
        """
        now, good = self.session.now(), [p for p in self.probes if not p.error]
        longest = max((p.end_s - p.start_s for p in good if p.end_s is not None), default=math.inf)
        for probe in good:
            if probe.end_s is None and now - probe.start_s > max(STUCK * longest, STUCK_S):
                probe.error, probe.end_s = "not anchored", now
        return [p for p in self.probes if p.error or p.start_s <= now - longest]

    def record(self, writer: SampleWriter, top: int) -> None:
        """Write a row `anchor` for each finished probe; `top` is the highest block seen.

        An anchor that claims a block nobody has seen is an error, and so is one that never came.
        """
        if self.probes and all(probe.end_s is None for probe in self.probes):
            oldest_s = self.session.now() - self.probes[0].start_s
            self.session.warn(
                "nothing anchored",
                f"none of {len(self.probes)} anchors held, the first of them for "
                f"{format_quantity(oldest_s, 's')}",
                "watch for longer, or correct `status` and `anchored` of the `anchor`",
                ("anchoring_time",),
            )
        for probe in self._settle():
            if probe.end_s is None:
                continue
            if probe.height is not None and probe.height > top + 1:
                probe.error = "anchored in an unseen block"
            if probe.error:
                self.session.count_error(f"anchor: {probe.error}")
            writer.append(
                "anchor",
                probe.start_s,
                probe.end_s,
                ok=not probe.error,
                error=probe.error,
                metrics={} if probe.error else {"anchoring_time": probe.end_s - probe.start_s},
            )


def _height(answer: Any, path: str) -> float | None:
    try:
        return float(as_number(find(answer, path))) if path else None
    except (AnswerError, TypeError, ValueError, OverflowError):
        return None
