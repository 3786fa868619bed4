"""Which inner solves have the loss along their step: found without reading the others.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("traces", sa.Column("sliced", sa.Boolean(), nullable=False, server_default=sa.false()))
    traces = sa.table("traces", sa.column("trace", sa.JSON()), sa.column("sliced", sa.Boolean()))
    has_slice = sa.func.json_array_length(traces.c.trace["slice"]) > 0
    op.execute(sa.update(traces).where(has_slice).values(sliced=sa.true()))
    op.create_index(
        "ix_traces_run_id_step",
        "traces",
        ["run_id", "step"],
        sqlite_where=sa.text("sliced = 1"),
        postgresql_where=sa.text("sliced"),
    )
