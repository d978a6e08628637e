"""What is never told: a record, a page or a message shows that there is a secret, and no more."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

HIDDEN = "***"
SECRET = re.compile(
    r"passw|passphrase|(?:^|[-_.])pass$|pwd|secret|token|credential|private|mnemonic|authorization|cookie"
    r"|(?:api|access|account|auth|encrypt\w*|hmac|jwt|master|node|shared|sign\w*|ssl|tls)[-_.]?key",
    re.IGNORECASE,
)
"""What is in the name of a setting, a variable or a field whose value is a secret."""


def without_secrets(url: str) -> str:
    """`url` without user, password and query, as it may be shown."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a URL that does not parse"
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()
