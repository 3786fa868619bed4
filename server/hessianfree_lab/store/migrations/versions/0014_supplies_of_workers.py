"""Data that a worker has, by the choices that need them.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("workers", sa.Column("supplies", sa.JSON(), nullable=True))
