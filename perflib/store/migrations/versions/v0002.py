"""Change points have a life: each is kept with its status from the first time it is seen."""

from alembic import op
from sqlalchemy import Column, Integer, String, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the table of change points."""
    texts = ("target", "metric", "statistic", "label", "environment_key", "run_id", "status")
    op.create_table(
        "changes",
        Column("id", Integer, primary_key=True),
        Column("digest", String(32), nullable=False, unique=True),
        *(Column(name, Text, nullable=False) for name in (*texts, "created_at", "updated_at")),
        Column("detail", Text, nullable=False),
    )
    op.create_index("changes_by_target", "changes", ["target"])
