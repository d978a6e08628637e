"""A Dask cluster gives the same pages, byte for byte."""

from __future__ import annotations

import pytest

from perflib.errors import ReportError
from perflib.report import Settings, render_reports
from tests.reporting import small, workbench

distributed = pytest.importorskip("distributed", reason="distributed is in the extra `dask`")


@pytest.fixture
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def test_same_pages(tmp_path, monkeypatch, cluster):
    monkeypatch.chdir(workbench(tmp_path, ("api", "db", "sessions")))
    small(tmp_path / "notebooks" / "api.ipynb", "1 / 0")
    here = render_reports("data", (), Settings())
    bytes_here = {page.stem: page.path.read_bytes() for page in here.pages}
    there = render_reports("data", (), Settings(dask=cluster, force=True))
    assert {page.stem: page.path.read_bytes() for page in there.pages} == bytes_here
    assert all(page.executed for page in there.pages)
    assert [page.failed for page in there.pages] == [page.failed for page in here.pages]


def test_no_scheduler(tmp_path, monkeypatch):
    monkeypatch.chdir(workbench(tmp_path, ("db",)))
    monkeypatch.setattr("perflib.report.dask.PATIENCE", "1s")
    with pytest.raises(ReportError, match="no Dask scheduler answers"):
        render_reports("data", (), Settings(dask="tcp://127.0.0.1:1"))
