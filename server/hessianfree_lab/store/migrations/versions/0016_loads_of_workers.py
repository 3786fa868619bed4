"""What a worker's devices are busy with, as it last said.

Revision ID: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("workers", sa.Column("load", sa.JSON(), nullable=True))
