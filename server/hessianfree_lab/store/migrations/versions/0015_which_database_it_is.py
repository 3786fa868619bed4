"""A name of its own for the database.

Revision ID: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table("instance", sa.Column("id", sa.String(36), nullable=False), sa.PrimaryKeyConstraint("id"))
