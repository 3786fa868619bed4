"""A colour of its own for every run, and views of the runs table that somebody wants to come back to.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

from hessianfree_lab.store.columns import UtcDateTime

revision = "0008"
down_revision = "0007"

PALETTE = 32


def upgrade() -> None:
    op.add_column("runs", sa.Column("colour", sa.Integer(), nullable=False, server_default=sa.text("0")))
    runs = sa.table("runs", sa.column("id"), sa.column("colour"))
    connection = op.get_bind()
    ids = connection.scalars(sa.select(runs.c.id).order_by(runs.c.id)).all()
    if ids:
        change = sa.update(runs).where(runs.c.id == sa.bindparam("run")).values(colour=sa.bindparam("number"))
        connection.execute(
            change, [{"run": run_id, "number": index % PALETTE} for index, run_id in enumerate(ids)]
        )
    op.create_table(
        "views",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_views"),
        sa.UniqueConstraint("name", name="uq_views_name"),
    )
