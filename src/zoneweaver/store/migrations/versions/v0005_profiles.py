"""Profiles, and what is known of the guests of zones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_COUNTED = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "profiles",
        sa.Column("seq", _COUNTED, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("defaults", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_profiles"),
    )
    op.create_index("uq_profiles_id", "profiles", ["id"], unique=True)
    op.create_index("uq_profiles_name", "profiles", ["name"], unique=True)
    op.create_table(
        "provisionings",
        sa.Column("zone_name", sa.Text(), nullable=False),
        sa.Column("provisioned_at", sa.Text(), nullable=True),
        sa.Column("host_key", sa.Text(), nullable=True),
        sa.Column("installation", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("zone_name", name="pk_provisionings"),
    )
