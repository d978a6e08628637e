"""What HTTP lets be sent: one rule for who reads settings and for who writes requests."""

from __future__ import annotations

import re

TOKEN = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
"""The name of a header field or a method: a `token` of RFC 9110, 5.6.2."""
