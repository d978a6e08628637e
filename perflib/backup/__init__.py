"""A backup is checked as a whole before a single file of yours is touched.

Configuration, decisions and records travel in one zip file with a manifest of SHA-256
digests. Restoring adds what is missing and never removes a run.
"""

from perflib.backup.archive import Archive, create
from perflib.backup.restoring import Plan, restore

__all__ = ["Archive", "Plan", "create", "restore"]
