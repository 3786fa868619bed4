"""Why a sweep could not go on.

Revision ID: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("sweeps", sa.Column("error", sa.Text(), nullable=True))
