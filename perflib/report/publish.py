"""Publishing copies pages, notebooks and records to where others read them, links and all.

The published folder stands on its own: `index.html` at its top, pages beside it, records in
`runs/`. The index is written last, so that it never links to what is not there yet.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from perflib.errors import ReportError
from perflib.files import in_one_step, write
from perflib.hidden import HIDDEN, without_secrets
from perflib.model import RECORD, RECORDS, SAMPLES, SCRAPED
from perflib.report.cache import Cache
from perflib.report.index import write_index
from perflib.report.page import make_page
from perflib.report.past import Past, read_past
from perflib.report.plan import committed_records, summaries
from perflib.report.redact import Redactor, hosts_in, own_hosts

if TYPE_CHECKING:
    import pyarrow as pa

INDEX = ("feed.xml", "index.html")
_EARLIEST = (1980, 1, 1, 0, 0, 0)


def publish(
    root: Path,
    destination: str,
    *,
    out: Path | None = None,
    redact: bool = False,
    history: str = "",
) -> list[str]:
    """Publish the reports of the store at `root` and return the names of what was written.

    `destination` is a folder, a `.zip` file or any fsspec URL. Credentials are always replaced;
    with `redact` host names and this machine's name are too. `history` is the URL of a shared
    history, which tells what runs people marked as bad. Raises `ReportError` when there
    are no reports or the destination cannot be written.
    """
    if not destination.strip():  # an unset variable would mean the current folder
        raise ReportError(
            "there is no destination", next_step="name a folder, a .zip file or a URL"
        )
    reports = out or root / "reports"
    if not (reports / "index.html").exists():
        raise ReportError(
            "there are no reports to publish",
            next_step="make them first: `perflib report`",
            file=reports,
        )
    with tempfile.TemporaryDirectory() as aside:
        stage = Path(aside)
        _stage(root, reports, stage, read_past(root, history), redact=redact)
        names = _names(stage)
        if "://" in destination:
            _send(stage, names, destination)
        elif destination.endswith(".zip"):
            _pack(stage, names, Path(destination))
        else:
            _copy(stage, names, Path(destination), (root, reports))
    return names


def _stage(root: Path, reports: Path, stage: Path, past: Past, *, redact: bool) -> None:
    runs = summaries(root)
    committed = committed_records(root)
    hosts: set[str] = set()
    if redact:
        files = (root / "runs" / run.id / RECORD for run in runs)
        told = (file.read_text("utf-8") for file in files if file.exists())
        hosts = own_hosts().union(*map(hosts_in, [*map(bytes.decode, committed), *told]))
    redactor = Redactor(hosts)
    if committed:
        lines = b"\n".join(map(redactor.line, committed)) + b"\n"
        (stage / RECORDS).write_bytes(gzip.compress(lines, mtime=0))
    for run in runs:
        folder = stage / "runs" / run.id
        folder.mkdir(parents=True)
        for name in (RECORD, SAMPLES, SCRAPED):
            _record(root / "runs" / run.id / name, folder / name, redactor)
    staged = summaries(
        stage, {redactor.text(run): redactor.text(why) for run, why in past.bad.items()}
    )
    by_id = {run.id: run for run in staged}
    pages = Cache(reports).state.pages
    for stem, made in list(pages.items()):
        source = reports / f"{stem}.ipynb"
        if not source.exists():
            del pages[stem]
            continue
        data = redactor.json(source.read_bytes())
        (stage / source.name).write_bytes(data)
        page = make_page(data, stem, by_id.get(made.run_id))
        (stage / f"{stem}.html").write_text(page.html, "utf-8")
        made.title, made.failed, made.finding = map(
            redactor.text, (made.title, made.failed, made.finding)
        )
        pdf = source.with_suffix(".pdf")
        if pdf.exists() and not redact:  # it was printed from the page with all names
            shutil.copyfile(pdf, stage / pdf.name)
    write_index(stage, pages, staged, "runs", map(redactor.text, past.targets.values()))


def _record(source: Path, place: Path, redactor: Redactor) -> None:
    if not source.exists():
        return
    if source.suffix == ".json":
        place.write_bytes(redactor.json(source.read_bytes()))
    elif not _rewrite_columns(source, place, redactor):
        shutil.copyfile(source, place)


def _rewrite_columns(source: Path, place: Path, redactor: Redactor) -> bool:
    """Write the table in `source` with its texts redacted; False if there is nothing to redact."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(source)
    except (pa.ArrowException, OSError):
        return False  # a damaged record is published as it is: its page says that it is damaged
    changed = False
    for index, column in enumerate(table.schema):
        texts = _texts(table.column(index))
        told = {text: redactor.text(text) for text in texts}
        if any(text != new for text, new in told.items()):
            values = [None if one is None else told[one] for one in table.column(index).to_pylist()]
            table = table.set_column(index, column.name, pa.array(values, pa.string()))
            changed = True
    if changed:
        pq.write_table(table, place, compression="zstd")
    return changed


def _texts(column: pa.ChunkedArray) -> list[str]:
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return []
    return [text for text in column.unique().to_pylist() if text is not None]


def _names(stage: Path) -> list[str]:
    """All staged files, as relative names; the feed and the index come last."""
    found = sorted(
        path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file()
    )
    return [name for name in found if name not in INDEX] + list(INDEX)


def _copy(stage: Path, names: Sequence[str], folder: Path, own: Sequence[Path]) -> None:
    if any(folder.resolve() == place.resolve() for place in own):
        raise ReportError(
            "this is the folder that the reports come from",
            next_step="publish into another folder",
            file=folder,
        )
    for name in names:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        data = (stage / name).read_bytes()
        if not place.exists() or place.read_bytes() != data:
            write(place, data)


def _pack(stage: Path, names: Sequence[str], file: Path) -> None:
    """A zip whose bytes depend on its content only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with in_one_step(file) as aside, zipfile.ZipFile(aside, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, (stage / name).read_bytes())


def _send(stage: Path, names: Sequence[str], url: str) -> None:
    user = url.partition("://")[2].partition("/")[0].rpartition("@")[0]
    shown = without_secrets(url)
    try:
        from fsspec.core import url_to_fs

        system, top = url_to_fs(url)
        for folder in _folders(names):
            system.makedirs(f"{top.rstrip('/')}/{folder}".rstrip("/"), exist_ok=True)
        for name in names:
            system.put_file(str(stage / name), f"{top.rstrip('/')}/{name}")
    except (ImportError, ValueError) as error:
        raise ReportError(
            f"nothing here can write to {shown} ({_told(error, user)})",
            expected="a folder, a .zip file or a URL such as s3://bucket/folder",
            next_step="install what the protocol needs, such as `pip install perflib[s3]`",
        ) from None
    except Exception as error:  # every protocol has errors of its own
        raise ReportError(
            f"{shown} could not be written ({_told(error, user)})",
            next_step="check the address and the credentials in the environment, then repeat",
        ) from None


def _told(error: Exception, user: str) -> str:
    text = str(error).replace(user, HIDDEN) if user else str(error)
    return f"{type(error).__name__}: {text[:200]}"


def _folders(names: Sequence[str]) -> Iterator[str]:
    yield from dict.fromkeys(str(PurePosixPath(name).parent).removeprefix(".") for name in names)
