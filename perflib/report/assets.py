"""One style and one script, inside each page, named by their digests in its security policy."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from perflib import __version__
from perflib.report.safe import visible


def _asset(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text("utf-8").strip()


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _told(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _breakable(name: str) -> Markup:
    """A name that may break where its words end, as `cards` breaks them."""
    return Markup(escape(visible(name)).replace("_", Markup("_<wbr>")))


@cache
def environment() -> Environment:
    """The templates; every value is escaped unless it is `Markup`."""
    templates = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_told,
    )
    style, script = _asset("page.css"), _asset("page.js")
    templates.filters["breakable"] = _breakable
    templates.globals |= {
        "style": Markup(style),
        "script": Markup(script),
        "version": __version__,
        "policy": "default-src 'none'; img-src data:; "
        f"style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'",
    }
    return templates
