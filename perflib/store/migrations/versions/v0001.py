"""The first version: the store creates it whole, so there is nothing to step over."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing to do."""
