"""An index for the trail by age."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make it."""
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
