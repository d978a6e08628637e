"""Coded content is what was coded, in pieces when it is large, and never half of it."""

import gzip
import random
import zlib

import brotli
import pytest

from perflib.load.faults import NETWORK_ERRORS, fault_of
from perflib.load.messages import PIECE, decode


def raw_deflate(data):
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


CODERS = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate without a head": raw_deflate,
    "deflate, gzip": lambda data: gzip.compress(zlib.compress(data)),
    "br": brotli.compress,
}
PLAIN = {
    "a byte": b"x",
    "small": b"plain text " * 50,
    "a piece": b"x" * PIECE,
    "a byte more": b"x" * (PIECE + 1),
    "large, coded small": b"x" * (40 * PIECE),
    "large, coded large": random.Random(1).randbytes(3 * PIECE + 7),
}


@pytest.mark.parametrize("plain", PLAIN)
@pytest.mark.parametrize("coder", CODERS)
def test_content_comes_out_as_it_went_in(coder, plain):
    encoding = coder.removesuffix(" without a head")
    assert decode(CODERS[coder](PLAIN[plain]), encoding) == PLAIN[plain]


@pytest.mark.parametrize(("plain", "least", "most"), [("small", 0, 0), ("a byte more", 1, 3)])
def test_small_content_is_decoded_in_one_go(plain, least, most):
    breaths = []
    decode(gzip.compress(PLAIN[plain]), "gzip", lambda: breaths.append(1))
    assert least <= len(breaths) <= most


@pytest.mark.parametrize("plain", ["large, coded small", "large, coded large"])
@pytest.mark.parametrize(
    ("coder", "most"), [("gzip", PIECE), ("deflate", PIECE), ("br", 2 * PIECE)]
)
def test_others_may_go_on_between_pieces_of_large_content(coder, most, plain):
    breaths = []
    decode(CODERS[coder](PLAIN[plain]), coder, lambda: breaths.append(1))
    assert len(breaths) >= len(PLAIN[plain]) // most - 1


@pytest.mark.parametrize("coder", ["gzip", "deflate", "deflate, gzip", "br"])
def test_content_that_would_fill_the_memory_is_given_up(coder):
    plain, breaths = b"x" * (40 * PIECE), []
    coded = CODERS[coder](plain)
    assert decode(coded, coder, largest=len(plain)) == plain
    with pytest.raises(NETWORK_ERRORS, match=r"1 MiB when decoded; .*stream=True") as caught:
        decode(coded, coder, lambda: breaths.append(1), 4 * PIECE)
    assert fault_of(caught.value).kind == "content too large"
    assert len(breaths) <= 4, "no more was decoded than is kept"


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "br", "zstd"])
def test_no_content_is_no_content_whatever_its_head_says(encoding):
    assert decode(b"", encoding) == b""


@pytest.mark.parametrize(
    ("body", "encoding", "kind"),
    [
        (gzip.compress(PLAIN["small"], mtime=0)[:-1], "gzip", "broken content encoding"),
        (
            gzip.compress(PLAIN["large, coded small"], mtime=0)[:-9],
            "gzip",
            "broken content encoding",
        ),
        (
            gzip.compress(PLAIN["large, coded large"], mtime=0)[:-99],
            "gzip",
            "broken content encoding",
        ),
        (raw_deflate(PLAIN["small"])[:-1], "deflate", "broken content encoding"),
        (b"hello", "gzip", "broken content encoding"),
        (gzip.compress(b"x", mtime=0)[:-5] + b"wrong", "gzip", "broken content encoding"),
        (b"hello", "zstd", "unknown content encoding"),
        (brotli.compress(PLAIN["small"])[:-3], "br", "broken content encoding"),
        (brotli.compress(PLAIN["small"]) + b"x", "br", "broken content encoding"),
        (brotli.compress(PLAIN["large, coded small"])[:-3], "br", "broken content encoding"),
        (brotli.compress(PLAIN["large, coded small"]) + b"x", "br", "broken content encoding"),
        (brotli.compress(PLAIN["large, coded large"])[:-99], "br", "broken content encoding"),
        (b"hello", "br", "broken content encoding"),
    ],
)
def test_content_that_is_not_whole_is_a_counted_fault(body, encoding, kind):
    with pytest.raises(NETWORK_ERRORS) as caught:
        decode(body, encoding)
    assert fault_of(caught.value).kind == kind
