"""Which token registered a worker.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("workers", sa.Column("token_id", sa.String(length=36), nullable=True))
