"""A chunk's way: compress, encrypt, hash, store; each stage timed in the answer.

It is what a session recorder does to what it keeps. Every nonce is fresh and the place of
a chunk (session and index) is authenticated with it, so that a chunk cannot be read as
another one. The work runs in threads: zstandard, AES and SHA-256 let others run meanwhile.

Metrics: the histograms `processing_time_seconds` and `processing_stage_time_seconds{stage}`,
`processing_bytes_total{side}`, `processing_chunks_total{outcome}`,
`processing_stored_bytes`, `processing_busy_threads`.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import prometheus_client as prometheus
import sqlalchemy as sa
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from perflib.reference import schema
from perflib.reference.context import Context
from perflib.reference.ledger import keep_secret, tree_root
from perflib.reference.schema import chunks
from perflib.reference.service import BUCKETS_S, Json, read_body, refuse
from perflib.reference.settings import Configs, Processing

_NONCE_SIZE = 12
_PLACE = (
    chunks.c.session_id == sa.bindparam("session"),
    chunks.c.chunk_index == sa.bindparam("place"),
)
_FIND = sa.select(chunks).where(*_PLACE)
_REMOVE = chunks.delete().where(*_PLACE)
_FORGET = chunks.delete().where(chunks.c.id == sa.bindparam("chunk"))
_LIST = (
    sa.select(chunks.c.chunk_index, chunks.c.size_in, chunks.c.size_out, chunks.c.root_hash)
    .where(chunks.c.session_id == sa.bindparam("session"))
    .order_by(chunks.c.chunk_index)
    .limit(1000)
)


class Stages:
    """Times of the stages of one chunk: call it at the end of each."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}
        self._start = self._last = time.perf_counter()

    def done(self, name: str) -> None:
        """The stage called `name` ends here."""
        now = time.perf_counter()
        self.times[f"{name}_s"], self._last = now - self._last, now

    @property
    def total_s(self) -> float:
        """From the first stage's start to the last one's end."""
        return self._last - self._start


class Chunks:
    """Chunks on disk, each one file `nonce + ciphertext`, with a row in the database."""

    def __init__(self, context: Context, settings: Processing) -> None:
        self.settings = settings
        key = keep_secret(context.folder / "keys" / "chunks.key", AESGCM.generate_key(256))
        self.cipher = AESGCM(key)
        self.folder = context.folder / "chunks"
        self.folder.mkdir(parents=True, exist_ok=True)
        storage = settings.storage
        self.engine = schema.connect(
            context.database_url, storage.pool_size, timeout_s=storage.pool_timeout
        )
        files = sorted(self.folder.glob("*.chunk"), key=lambda path: path.stat().st_mtime)
        self.kept = deque((path, path.stat().st_size) for path in files)
        self.kept_bytes = sum(size for _, size in self.kept)
        self.lock = threading.Lock()
        for half in self.folder.glob("*.half"):
            half.unlink(missing_ok=True)
        self.stored = prometheus.Gauge("processing_stored_bytes", "Bytes of stored chunks")
        self.stored.set(self.kept_bytes)

    def put(self, session: str, place: int, data: bytes) -> dict[str, Any]:
        """Process and store one chunk; the answer of the upload."""
        settings, stages = self.settings.pipeline, Stages()
        packed = zstandard.ZstdCompressor(level=settings.compression_level).compress(data)
        stages.done("compress")
        nonce = os.urandom(_NONCE_SIZE)
        sealed = nonce + self.cipher.encrypt(nonce, packed, _place(session, place))
        stages.done("encrypt")
        root = _root(sealed, settings.leaf_size)
        stages.done("hash")
        row = {
            "id": uuid.uuid4().hex,
            "session_id": session,
            "chunk_index": place,
            "size_in": len(data),
            "size_out": len(sealed),
            "root_hash": root,
            "leaf_size": settings.leaf_size,
            "created_at": round(time.time(), 6),
        }
        self._store(row, sealed)
        stages.done("store")
        shown = ("session_id", "chunk_index", "size_in", "size_out", "root_hash", "leaf_size")
        return {
            **{name: row[name] for name in shown},
            "ratio": len(data) / len(sealed),
            "stages": stages.times,
            "processing_time_s": stages.total_s,
        }

    def _store(self, row: dict[str, Any], sealed: bytes) -> None:
        name = f"{row['id']}.chunk"
        half = self.folder / f"{row['id']}.half"
        with half.open("wb") as file:
            file.write(sealed)
            if self.settings.storage.sync:
                file.flush()
                os.fsync(file.fileno())
        half.rename(self.folder / name)
        place = {"session": row["session_id"], "place": row["chunk_index"]}
        with schema.transaction(self.engine) as connection:
            connection.execute(_REMOVE, place)
            connection.execute(chunks.insert(), {**row, "file": name})
        with self.lock:
            self.kept.append((self.folder / name, len(sealed)))
            self.kept_bytes += len(sealed)

    def forget_oldest(self) -> None:
        """Delete the oldest chunks until what is stored fits `retention_size`."""
        gone = []
        with self.lock:
            while self.kept_bytes > self.settings.storage.retention_size and len(self.kept) > 1:
                path, size = self.kept.popleft()
                path.unlink(missing_ok=True)
                self.kept_bytes -= size
                gone.append({"chunk": path.stem})
        if gone:
            with self.engine.connect() as connection:
                connection.execute(_FORGET, gone)
        self.stored.set(self.kept_bytes)

    def get(self, session: str, place: int) -> tuple[bytes, str]:
        """The chunk's bytes and root hash, checked; raises 404, 410 or 409."""
        with self.engine.connect() as connection:
            values = {"session": session, "place": place}
            row = connection.execute(_FIND, values).mappings().first()
        if row is None:
            raise refuse(404, "no such chunk")
        try:
            sealed = (self.folder / (row["file"] or "none")).read_bytes()
        except FileNotFoundError:
            raise refuse(410, "the chunk was deleted to keep within retention_size") from None
        if _root(sealed, row["leaf_size"]) != row["root_hash"]:
            raise refuse(409, "the stored chunk is damaged: its hash tree has another root")
        nonce, secret = sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:]
        try:
            packed = self.cipher.decrypt(nonce, secret, _place(session, place))
        except InvalidTag:
            raise refuse(409, "the stored chunk does not decrypt with this system's key") from None
        return zstandard.ZstdDecompressor().decompress(packed), row["root_hash"]

    def chunks_of(self, session: str) -> list[dict[str, Any]]:
        """What is stored of a session."""
        with self.engine.connect() as connection:
            rows = connection.execute(_LIST, {"session": session}).mappings()
            return [dict(row) for row in rows]


def _place(session: str, place: int) -> bytes:
    return f"{session}/{place}".encode()


def _root(sealed: bytes, leaf_size: int) -> str:
    view = memoryview(sealed)
    return tree_root([view[n : n + leaf_size] for n in range(0, len(view), leaf_size)])


class Uploads:
    """The service's answers."""

    def __init__(self, store: Chunks, settings: Processing) -> None:
        self.store, self.settings = store, settings
        self.threads = ThreadPoolExecutor(settings.pipeline.threads, thread_name_prefix="chunks")
        self.times = prometheus.Histogram(
            "processing_time_seconds", "Time to process and store a chunk", buckets=BUCKETS_S
        )
        self.stage_times = prometheus.Histogram(
            "processing_stage_time_seconds", "Time of a stage", ["stage"], buckets=BUCKETS_S
        )
        self.bytes = prometheus.Counter("processing_bytes", "Bytes of chunks", ["side"])
        self.busy = prometheus.Gauge("processing_busy_threads", "Chunks in work")
        threads = prometheus.Gauge("processing_threads", "Threads for chunks")
        threads.set(settings.pipeline.threads)

    def routes(self) -> list[BaseRoute]:
        """What the service answers."""
        chunk = "/api/v1/sessions/{session}/chunks/{index:int}"
        return [
            Route(chunk, self.upload, methods=["POST", "PUT"]),
            Route(chunk, self.download, methods=["GET"]),
            Route("/api/v1/sessions/{session}", self.list_chunks, methods=["GET"]),
        ]

    async def in_thread(self, work: Callable[..., Any], *values: Any) -> Any:
        """`work(*values)` in one of the service's threads."""
        try:
            with self.busy.track_inprogress():
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self.threads, work, *values)
        except sa.exc.TimeoutError:
            raise refuse(503, "every database connection of the pool is busy") from None
        except sa.exc.OperationalError as error:
            raise refuse(503, f"the database did not answer: {error.orig}") from None
        except OSError as error:
            raise refuse(507, f"the chunk cannot be stored: {error.strerror}") from None

    async def upload(self, request: Request) -> Response:
        """Process and store the body as one chunk."""
        session, place = _asked(request)
        data = await read_body(request, self.settings.pipeline.chunk_limit)
        if not data:
            raise refuse(422, "the chunk is empty; send its bytes as the body")
        asked = time.perf_counter()
        answer = await self.in_thread(self.store.put, session, place, data)
        answer["wait_s"] = time.perf_counter() - asked - answer["processing_time_s"]
        self.times.observe(answer["processing_time_s"])
        for stage, time_s in answer["stages"].items():
            self.stage_times.labels(stage.removesuffix("_s")).observe(time_s)
        self.bytes.labels("in").inc(answer["size_in"])
        self.bytes.labels("out").inc(answer["size_out"])
        if self.store.kept_bytes > self.settings.storage.retention_size:
            await self.in_thread(self.store.forget_oldest)
        self.store.stored.set(self.store.kept_bytes)
        return Json(answer, 201)

    async def download(self, request: Request) -> Response:
        """A chunk's bytes, decrypted and checked."""
        data, root = await self.in_thread(self.store.get, *_asked(request))
        return Response(data, media_type="application/octet-stream", headers={"x-root-hash": root})

    async def list_chunks(self, request: Request) -> Response:
        """The chunks of a session."""
        rows = await self.in_thread(self.store.chunks_of, request.path_params["session"])
        return Json({"session_id": request.path_params["session"], "chunks": rows})


def _asked(request: Request) -> tuple[str, int]:
    session, place = request.path_params["session"], request.path_params["index"]
    if len(session) > 64 or not session.replace("-", "").replace("_", "").isalnum():
        raise refuse(422, "the session's id is not 1 to 64 letters, digits, - or _")
    if place >= 2**31:
        raise refuse(422, "the chunk's index is too large")
    return session, place


@asynccontextmanager
async def serving(context: Context, configs: Configs) -> AsyncIterator[list[BaseRoute]]:
    """The service's routes, for as long as its threads and pool live."""
    store = Chunks(context, configs.processing)
    uploads = Uploads(store, configs.processing)
    yield uploads.routes()
    uploads.threads.shutdown(cancel_futures=True)
    store.engine.dispose()
