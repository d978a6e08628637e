"""Scraping beside a run: one thread, one page after another, and a failure is only a caveat."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa

from perflib.errors import TargetError
from perflib.hidden import without_secrets
from perflib.model import Caveat
from perflib.monitor.exposition import Sample, parse_metrics
from perflib.samples import PART_ROWS, PART_S, SCRAPED_PARTS, join_parts, write_table

SCHEMA = pa.schema(
    [
        ("time_s", pa.float64()),
        ("name", pa.dictionary(pa.int32(), pa.string())),
        ("labels", pa.dictionary(pa.int32(), pa.string())),
        ("value", pa.float64()),
    ]
)
"""A scraped series: seconds from the run's start, name, labels as text, value."""
ASKED = {
    "accept": "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.8,*/*;q=0.1",
    "accept-encoding": "gzip",
}
MAX_PAGE_BYTES = 8 * 2**20
"""Seconds of work to read: more would never be done before the run has ended."""
REST = 9
"""The interpreter is that of the run: for each second it reads, a scraper rests so many."""


def scrape(url: str, timeout_s: float = 5.0) -> list[Sample]:
    """The samples of the metrics page at `url`; raises `TargetError` if it is not a valid one.

    The whole exchange takes `timeout_s` at most, however slowly the page drips.
    """
    place = without_secrets(url)
    deadline = time.monotonic() + timeout_s
    body = bytearray()
    # certificates, also those of `SSL_CERT_FILE`, take a while to load
    transport = httpx.HTTPTransport(verify=url.startswith("https"))
    try:
        with (
            httpx.Client(timeout=timeout_s, trust_env=False, transport=transport) as client,
            client.stream("GET", url, headers=ASKED) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise _trouble(place, f"the metrics page answers status {answer.status_code}")
            coding = answer.headers.get("content-encoding", "identity")
            if coding not in ("gzip", "identity"):  # a piece of another may fill any memory
                raise _trouble(place, f"the metrics page is coded as `{coding}`, not as `gzip`")
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > MAX_PAGE_BYTES:
                    raise _trouble(place, f"the metrics page is over {MAX_PAGE_BYTES >> 20} MiB")
                if time.monotonic() > deadline:
                    raise _trouble(place, f"the metrics page does not end within {timeout_s:g} s")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _trouble(place, f"no metrics page ({error or type(error).__name__})") from None
    return parse_metrics(bytes(body), answer.headers.get("content-type", ""), place)


def _trouble(place: str, found: str) -> TargetError:
    return TargetError(
        found,
        expected="a page in the Prometheus text format",
        next_step="start the service, or correct `metrics_url`",
        file=place,
    )


class Scraper:
    """Scrapes `url` every `interval_s` until stopped and writes all series to `path`.

    A page that is work to read is read less often, so as not to disturb the run.

    Times count from `zero_ns` of the monotonic clock (default: the start). Like samples, series
    are written in parts as the run goes; the file exists only if a page was read.
    """

    def __init__(
        self,
        url: str,
        path: Path,
        interval_s: float = 1.0,
        *,
        timeout_s: float = 2.0,
        zero_ns: int | None = None,
    ) -> None:
        self.url = url
        self.path = path
        self.interval_s = interval_s
        self.timeout_s = timeout_s
        self.zero_ns = zero_ns
        self.pages = 0
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scraper", daemon=True)
        self._columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
        self._parts = path.parent / SCRAPED_PARTS
        self._part_count = 0
        self._flushed = time.monotonic()

    def start(self) -> None:
        """Begin to scrape."""
        self.zero_ns = time.monotonic_ns() if self.zero_ns is None else self.zero_ns
        self._thread.start()

    def stop(self) -> list[Caveat]:
        """End, finish the file and tell what went wrong; the last page shows the final values."""
        self._stop.set()
        self._thread.join(self.timeout_s + self.interval_s + 5)
        if self._thread.is_alive():
            self.failures.append(f"{without_secrets(self.url)}: the page was still being read")
        if self._parts.exists():
            self._attempt(lambda: join_parts(self._parts, self.path, SCHEMA))
        if not self.failures:
            return []
        failed, tried = len(self.failures), self.pages + len(self.failures)
        return [
            Caveat(
                code="metrics page",
                message=f"{failed} of {tried} scrapes failed; last: {self.failures[-1]}",
                next_step="mend the metrics page of the service, or correct `metrics_url`",
            )
        ]

    def _run(self) -> None:
        try:
            self._scrape_until_stopped()
        except Exception as error:  # a thread's error would vanish; as a caveat it is told
            self.failures.append(f"scraping ended: {type(error).__name__}: {error}")
        finally:
            self._attempt(self._flush)

    def _scrape_until_stopped(self) -> None:
        due = time.monotonic()
        while True:
            last, began = self._stop.is_set(), time.thread_time()
            self._once()
            if last:
                return
            rest_s = REST * (time.thread_time() - began)
            due = max(due + self.interval_s, time.monotonic() + rest_s)
            self._stop.wait(due - time.monotonic())

    def _once(self) -> None:
        assert self.zero_ns is not None
        now_s = (time.monotonic_ns() - self.zero_ns) * 1e-9
        try:
            samples = scrape(self.url, self.timeout_s)
        except TargetError as error:
            self.failures.append(" ".join(str(error).partition("\n  next:")[0].split()))
            return
        self.pages += 1
        for sample in samples:
            row = (now_s, sample.name, sample.label_text, sample.value)
            for name, value in zip(SCHEMA.names, row, strict=True):
                self._columns[name].append(value)
        waited_s = time.monotonic() - self._flushed
        if len(self._columns["name"]) >= PART_ROWS or waited_s > PART_S:
            self._attempt(self._flush)

    def _attempt(self, write: Callable[[], None]) -> None:
        """A disk that is full must not end the run that this thread only accompanies."""
        try:
            write()
        except OSError as error:
            self.failures.append(f"{self.path.name} cannot be written ({error.strerror})")

    def _flush(self) -> None:
        if not self._columns["name"]:
            return
        self._parts.mkdir(exist_ok=True)
        table = pa.Table.from_pydict(self._columns, schema=SCHEMA)
        write_table(table, self._parts / f"{self._part_count:06d}.parquet")
        self._part_count += 1
        self._flushed = time.monotonic()
        for column in self._columns.values():
            column.clear()
