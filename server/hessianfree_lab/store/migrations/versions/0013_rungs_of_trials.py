"""Pruning: what trials were worth at rungs, and what was decided of them.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("trials", sa.Column("rungs", sa.JSON(), nullable=True))
    op.add_column("trials", sa.Column("verdict", sa.String(16), nullable=True))
