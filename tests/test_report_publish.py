"""What is published stands on its own, and tells no secret."""

from __future__ import annotations

import errno
import gzip
import json
import re
import socket
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perflib.errors import ReportError
from perflib.model import RECORDS
from perflib.report import Settings, render_reports
from perflib.report.publish import publish
from perflib.report.redact import Redactor, _secret_values, certain, hosts_in
from perflib.store import BAD, Store
from tests.reporting import add_run, small, workbench

SECRET = "hunter2hunter2"
URL = f"postgresql://ann:{SECRET}@db.internal.example:5432/app"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = workbench(tmp_path_factory.mktemp("bench"), ("api", "db"))
    run = add_run(root / "data", "db", 2, workload={"url": URL, "password": SECRET})
    table = pa.table({"label": ["a", f"GET {URL}"], "start": [1, 2]})
    pq.write_table(table, root / "data" / "runs" / run.id / "samples.parquet")
    small(root / "notebooks" / "db.ipynb", f"print({URL!r}); api_key = 'abcdef123456'")
    render_reports(root / "data", (), Settings(notebooks=root / "notebooks"))
    return root / "data"


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def dangling(folder: Path) -> list[str]:
    missing = []
    for page in folder.rglob("*.html"):
        links = Links()
        links.feed(page.read_text())
        for link in links.found:
            if not link.startswith(("#", "data:")):
                assert not re.match(r"[a-z]+:|/|\.\./", link), f"{link} leaves the folder"
                if not (page.parent / unquote(link.split("#")[0])).exists():
                    missing.append(link)
    return missing


def everything(folder: Path) -> str:
    return "\n".join(
        path.read_text()
        if path.suffix != ".parquet"
        else (str(pq.read_table(path).to_pylist()) if b"PAR1" in path.read_bytes() else "")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )


def test_what_is_marked_as_bad_is_published_so(tmp_path):
    root = workbench(tmp_path / "bench", ("db",))
    run = add_run(root / "data", "db", 2)
    told = {"target": "db", "run_id": run.id, "reason": f"wrong {URL}"}
    Store(root / "data").add_triage(action=BAD, **told)
    render_reports(root / "data", (), Settings(notebooks=root / "notebooks"))
    publish(root / "data", str(tmp_path / "site"))
    index = (tmp_path / "site" / "index.html").read_text()
    assert "marked as bad: wrong postgresql://***:***@" in index
    assert "newest that counts" in index


def test_a_folder_stands_on_its_own(root, tmp_path):
    names = publish(root, str(tmp_path / "site"))
    assert names[-1] == "index.html"
    assert dangling(tmp_path / "site") == []
    assert (
        "runs/20261101T000002Z-db-0000/samples.parquet"
        in (tmp_path / "site" / "index.html").read_text()
    )
    stamp = (tmp_path / "site" / "index.html").stat().st_mtime_ns
    publish(root, str(tmp_path / "site"))
    assert (tmp_path / "site" / "index.html").stat().st_mtime_ns == stamp, (
        "unchanged files are left"
    )


def test_credentials_are_always_replaced(root, tmp_path):
    publish(root, str(tmp_path / "site"))
    told = everything(tmp_path / "site")
    assert SECRET not in told
    assert "abcdef123456" not in told
    assert "db.internal.example" in told
    samples = tmp_path / "site" / "runs" / "20261101T000002Z-db-0000" / "samples.parquet"
    assert pq.read_table(samples).column("start").to_pylist() == [1, 2]


def test_host_names_are_replaced_on_request(root, tmp_path):
    publish(root, str(tmp_path / "site"), redact=True)
    told = everything(tmp_path / "site")
    assert "db.internal.example" not in told
    assert "host-1" in told or "host-2" in told
    assert dangling(tmp_path / "site") == []


def test_a_zip_has_the_same_bytes_each_time(root, tmp_path):
    publish(root, str(tmp_path / "a.zip"))
    publish(root, str(tmp_path / "b.zip"))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path / "out")
    assert dangling(tmp_path / "out") == []


def test_any_fsspec_url(root, tmp_path):
    pytest.importorskip("fsspec", reason="fsspec is in the extra `s3`")
    publish(root, f"file://{tmp_path}/site")
    assert dangling(tmp_path / "site") == []


@pytest.fixture
def bucket(monkeypatch):
    pytest.importorskip("s3fs", reason="s3fs is in the extra `s3`")
    pytest.importorskip("moto", reason="the S3-speaking server is a development dependency")
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    import s3fs

    system = s3fs.S3FileSystem(skip_instance_cache=True)
    system.mkdir("reports")
    yield system
    server.stop()


def test_s3(root, bucket, tmp_path):
    names = publish(root, "s3://reports/team/site")
    found = {path.removeprefix("reports/team/site/") for path in bucket.find("reports/team/site")}
    assert found == set(names)
    assert bucket.info("reports/team/site/index.html", refresh=True)["ContentType"] == "text/html"
    publish(root, str(tmp_path / "site"))
    for name in names:
        assert bucket.cat(f"reports/team/site/{name}") == (tmp_path / "site" / name).read_bytes()


NOWHERE = ["nothing://at/all", "s3://user:pass@nowhere/x", "s3://[x/y", "{root}", "{root}/reports"]


@pytest.mark.parametrize("destination", NOWHERE)
def test_places_that_cannot_be_written(root, destination, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ReportError) as caught:
        publish(root, destination.format(root=root))
    assert "user:pass" not in str(caught.value)


@pytest.mark.parametrize("destination", ["", " "])
def test_no_destination_is_not_the_current_folder(root, tmp_path, monkeypatch, destination):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ReportError, match="there is no destination"):
        publish(root, destination)
    assert list((tmp_path / "here").iterdir()) == []


def test_nothing_to_publish(tmp_path):
    with pytest.raises(ReportError, match="no reports to publish"):
        publish(tmp_path, str(tmp_path / "site"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://u:p4ss@h/db", "postgresql://***:***@h/db"),
        ("http://:secret@h", "http://***:***@h"),
        ("https://h:8080/a@b", "https://h:8080/a@b"),
        ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer ***"),
        ("a basic understanding of things", "a basic understanding of things"),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        ("eyJhbGciOiJIUzI1.eyJzdWIiOiIx.abc", "***"),
        ("nothing here", "nothing here"),
        ("postgresql://u:p4ss_<wbr>word@h/db", "postgresql://***:***@h/db"),
        ("Authorization: Bearer abcdef.<wbr>ghij0123456789", "Authorization: Bearer ***"),
        (r"a name\_with <wbr>breaks_<wbr>stays", r"a name\_with <wbr>breaks_<wbr>stays"),
    ],
)
def test_certain(text, expected):
    assert certain(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password=abcd1234", "password=***"),
        ('"db_password": "abcd1234"', '"db_password": "***"'),
        ("tokens are counted", "tokens are counted"),
        ("http://web.example/x", "http://host-1/x"),
        ("web.example-not", "web.example-not"),
        ("GET /?api_<wbr>key=abcd_<wbr>efgh", "GET /?api_key=***"),
        (r"GET /?api\_key=abcd\_efgh, so\_long", r"GET /?api_key=***, so\_long"),
        ("load_<wbr>on web.<wbr>example", "load_<wbr>on host-1"),
    ],
)
def test_redactor(text, expected):
    assert Redactor({"web.example", "127.0.0.1"}).text(text) == expected


def test_a_place_to_break_hides_nothing_from_the_redactor():
    page = '<td title="web.example">at web.<wbr>example, api_<wbr>key=abcd</td>'
    told = '<td title="host-1">at host-1, api_key=***</td>'
    assert Redactor({"web.example"}).markup(page) == told


def test_a_host_called_like_a_tag_breaks_no_markup():
    page = '<table class="table"><td title="on table">table</td></table><style>table{}</style>'
    assert Redactor({"table"}).markup(page) == (
        '<table class="table"><td title="on host-1">host-1</td></table><style>table{}</style>'
    )
    told = json.loads(
        Redactor({"code"}).json(b'{"cell_type": "code", "source": ["a code\\n", "b"]}')
    )
    assert told == {"cell_type": "code", "source": ["a host-1\n", "b"]}


def test_hosts_in():
    told = f'{{"url": "{URL}", "host": "cache.example", "x": "no host"}} https://[::1]:80/'
    assert hosts_in(told) == {"db.internal.example", "cache.example", "[::1]"}
    assert Redactor(hosts_in(told)).text("http://[::1]:80") == "http://[::1]:80"
    assert socket.gethostname()


def test_the_command(root, tmp_path, capsys):
    from perflib.cli import main

    with pytest.raises(SystemExit) as caught:
        main(["publish", str(tmp_path / "x.zip"), "--data", str(root), "--redact"])
    assert caught.value.code == 0
    assert "published 3 pages" in capsys.readouterr().out


@pytest.mark.parametrize("redact", [False, True])
def test_a_committed_history_is_published_with_its_runs(root, tmp_path, redact):
    Store(root).export_records(tmp_path / RECORDS)
    notebooks = root.parent / "notebooks"
    render_reports(tmp_path, (), Settings(notebooks=notebooks))
    publish(tmp_path, str(tmp_path / "web"), redact=redact)
    records = gzip.decompress((tmp_path / "web" / RECORDS).read_bytes()).decode()
    assert records.count("\n") == (tmp_path / "web" / "index.html").read_text().count("<tr data-")
    assert SECRET not in records
    assert ("db.internal.example" in records) != redact


def test_a_zip_that_does_not_fit_is_named(root, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OSError, match="No space") as caught:
        publish(root, str(tmp_path / "site.zip"))
    assert caught.value.filename == str(tmp_path / "site.zip")
    assert not list(tmp_path.glob("*.zip*"))


def test_secrets_of_the_environment_are_struck_out_and_folders_are_not(monkeypatch):
    monkeypatch.setenv("SHOP_PASSWD", "tulip-orchard")
    monkeypatch.setenv("PWD", "/srv/bench")
    monkeypatch.setenv("OLDPWD", "/srv/bench/data")
    _secret_values.cache_clear()
    assert certain("in /srv/bench/data: tulip-orchard") == "in /srv/bench/data: ***"
    _secret_values.cache_clear()
