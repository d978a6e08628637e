"""The history of one target is asked for far more often than that of all."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Find the runs of a target without reading all runs."""
    op.create_index("runs_by_target", "runs", ["target", "started_s"])
