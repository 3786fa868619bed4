r"""NUL characters in documents that PostgreSQL looks into. It keeps `\u0000`, and refuses every query that reads it.

SQLite reads such documents like any other: there they stay as they are.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

# An even number of backslashes before it, or it is the text \u0000 and no NUL.
_NUL = r"(?<!\\)((?:\\\\)*)\\u0000"
_LOOKED_INTO = (("runs", "spec"), ("steps", "metrics"), ("traces", "trace"))


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, column in _LOOKED_INTO:
        op.execute(
            sa.text(
                f"UPDATE {table} SET {column} = regexp_replace({column}::text, :nul, :kept, 'g')::json "
                f"WHERE strpos({column}::text, :written) > 0"
            ).bindparams(nul=_NUL, kept="\\1\N{REPLACEMENT CHARACTER}", written=r"\u0000")
        )
