"""What is said to PostgreSQL, as far as it can be seen without one."""

import pytest
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from hessianfree_lab.store.fitting import Abilities, oldest_fitting
from hessianfree_lab.store.tables import metadata


def test_claims_skip_rows_that_others_are_claiming() -> None:
    query = oldest_fitting(
        Abilities(
            problems=["bowl"],
            optimizers=["adam"],
            devices=["cpu", "cuda:0"],
            supplies={"bowl": {"shape": ["round"]}},
        )
    )
    assert str(query.compile(dialect=postgresql.dialect())).endswith("FOR UPDATE SKIP LOCKED")
    assert "FOR UPDATE" not in str(query.compile(dialect=sqlite.dialect()))


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_can_be_made_there(table) -> None:
    ddl = str(CreateTable(table).compile(dialect=postgresql.dialect()))
    assert "WITHOUT ROWID" not in ddl
    assert "AUTOINCREMENT" not in ddl
    for row_id in ("events", "log_lines"):
        if table.name == row_id:
            assert "BIGSERIAL" in ddl
