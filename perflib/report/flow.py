"""From runs to pages: plan, execute what changed, render, index; a failure stops no other page."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perflib import files
from perflib.errors import PerflibError, ReportError
from perflib.report import notebook as books
from perflib.report.cache import Cache, Made
from perflib.report.past import Past, read_past
from perflib.report.plan import Order, Planner, Summary, by_target, newest, summaries
from perflib.report.settings import Follow, Settings

if TYPE_CHECKING:
    from perflib.store import Store

CAN_FORK = hasattr(os, "fork")
"""Whether this system can fork a notebook's shell from a warm parent."""


@dataclass(frozen=True)
class Page:
    """A page that is there now; `executed` tells whether this call made it."""

    stem: str
    path: Path
    title: str
    targets: tuple[str, ...]
    executed: bool
    failed: str = ""


@dataclass(frozen=True)
class Reports:
    """What a call left behind; `latest` is the run that counts of each reported target."""

    index: Path
    pages: list[Page]
    latest: list[Summary]

    @property
    def failed(self) -> list[Page]:
        """The pages whose notebook stopped with an error."""
        return [page for page in self.pages if page.failed]


def render_reports(
    store: Store | Path | str,
    targets: Sequence[str] = (),
    settings: Settings | None = None,
    follow: Follow = lambda _order, _event: None,
) -> Reports:
    """Make the pages of `targets` (names, run ids or notebooks; all targets when empty).

    A page whose inputs did not change is left alone. `follow` is told each event of the
    execution. A failed notebook is told by its `Page`; raises `ReportError` or `ConfigError`
    before anything runs when a name or a parameter is wrong.
    """
    settings = settings or Settings()
    root = Path(store) if isinstance(store, Path | str) else store.root
    past = read_past(root, settings.history)
    runs = summaries(root, past.bad)
    targets_of = {run.id: run.target for run in runs} | past.targets
    recorded = Counter(targets_of.values())
    out = settings.out or root / "reports"
    cache = Cache(out)
    before = cache.state.signature()
    never_ran = [name for name in _configured(cache, settings.config) if name not in recorded]
    planner = Planner(root, settings.notebooks, settings.values, runs, recorded, never_ran)
    orders = planner.orders(targets)
    for order in orders:
        _check_place(out, order)
    out.mkdir(parents=True, exist_ok=True)
    try:
        made = _make(orders, past, cache, settings, follow)
        index = _index(root, cache, runs, recorded, never_ran)
    finally:
        if cache.state.signature() != before:  # what was made before Ctrl-C stays made
            cache.save()
    pages = [_page(out, order, *made[order.stem]) for order in orders]
    if settings.pdf:
        from perflib.report.pdf import print_pdf

        print_pdf([page.path for page in pages])
    named = {target for order in orders for target in order.targets}
    latest = [newest(own) for name, own in by_target(runs).items() if name in named]
    return Reports(index, pages, latest)


def _page(out: Path, order: Order, made: Made, executed: bool) -> Page:
    path = out / f"{order.stem}.html"
    return Page(order.stem, path, made.title, order.targets, executed, made.failed)


def _check_place(out: Path, order: Order) -> None:
    """A page stays inside `out` and never replaces the notebook that it was made from."""
    for suffix in (".ipynb", ".html"):
        file = out / f"{order.stem}{suffix}"
        if not file.resolve().is_relative_to(out.resolve()):
            raise ReportError(
                "the page would be written outside the folder of reports",
                expected=f"a place in {out}",
                next_step="remove the link of that name, or choose another `--out`",
                file=file,
            )
        if file.resolve() == order.notebook.resolve():
            raise ReportError(
                "the report would overwrite the notebook it is made from",
                next_step="choose another `--out`",
                file=file,
            )


def _make(
    orders: Sequence[Order], past: Past, cache: Cache, settings: Settings, follow: Follow
) -> dict[str, tuple[Made, bool]]:
    made: dict[str, tuple[Made, bool]] = {}
    stale: list[tuple[Order, str]] = []
    for order in orders:
        key = cache.key(order, past.digest(order.targets))
        current = None if settings.force else cache.current(order, key)
        if current:
            made[order.stem] = (current, False)
        else:
            stale.append((order, key))
    keys = {order.stem: key for order, key in stale}
    for order, content in _execute([order for order, _ in stale], settings, follow):
        page = write(cache.out, order, content, keys[order.stem])
        for name in page.files:
            page.files[name] = cache.digest(cache.out / name)
        cache.state.pages[order.stem] = page
        made[order.stem] = (page, True)
        order.content.clear()  # pictures of many reports together would fill the memory
        content.clear()
    return made


def _execute(
    orders: Sequence[Order], settings: Settings, follow: Follow
) -> Iterator[tuple[Order, books.Notebook]]:
    """Each order with its executed notebook, as they end."""
    if not orders:
        return
    if settings.dask:
        from perflib.report.dask import execute
    elif settings.kernels or not CAN_FORK:
        from perflib.report.kernels import execute
    else:
        from perflib.report.forks import execute
    yield from execute(orders, settings, follow)


def write(out: Path, order: Order, content: books.Notebook, key: str) -> Made:
    """Write the executed notebook and its page into `out`; both depend on the inputs only."""
    from perflib import __version__
    from perflib.report.page import make_page

    told = {"notebook": order.notebook.name, "parameters": order.parameters, "version": __version__}
    data = books.canonical(content, told)
    page = make_page(data, order.stem, order.run)
    names = f"{order.stem}.ipynb", f"{order.stem}.html"
    files.write(out / names[0], data)
    files.write(out / names[1], page.html.encode())
    failed = f"{page.failure.name}: {page.failure.text}" if page.failure else ""
    asked = str(order.parameters.get("target") or "")  # mistyped, no run is of it
    return Made(
        key,
        dict.fromkeys(names, ""),
        page.heading,
        [asked] if failed and asked else list(order.targets),
        order.run.id if order.run else "",
        order.name,
        failed,
        **books.told(content),
    )


def _index(
    root: Path,
    cache: Cache,
    runs: Sequence[Summary],
    recorded: Iterable[str],
    never_ran: Sequence[str],
) -> Path:
    """Write the index and the feed, unless they tell already what there is."""
    key = cache.index_key(runs, *sorted(recorded), "never ran", *never_ran)
    out, file = cache.out, cache.out / "index.html"
    if cache.state.index != key or not file.exists() or not (out / "feed.xml").exists():
        from perflib.report.index import write_index

        records = Path(os.path.relpath(root / "runs", out)).as_posix()
        write_index(out, cache.state.pages, runs, records, recorded, never_ran)
        cache.state.index = key
    return file


def _configured(cache: Cache, file: Path | None) -> list[str]:
    """The targets in the configuration `file`, which is read when it changed: that costs.

    Whoever measures is told its mistakes.
    """
    known, names = cache.state.configured
    if file is None or cache.digest(file) == known:
        return names if file else []
    from perflib import config

    try:
        names = [*config.load(file).targets]
    except PerflibError:
        return []
    cache.state.configured = cache.digest(file), names
    return names
