"""How databases come to the form this version needs."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from hessianfree_lab.errors import ConfigurationError, LabError, NewerDatabase
from hessianfree_lab.store import open_store
from hessianfree_lab.store.engine import make_engine
from hessianfree_lab.store.migrate import upgrade
from hessianfree_lab.store.tables import metadata
from server.makers import spec


def test_migrations_build_the_tables_that_the_code_expects() -> None:
    engine = make_engine("sqlite://")
    upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_an_up_to_date_database_keeps_what_it_holds(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lab.sqlite"
    store = open_store(url)
    run, _ = store.add_job(spec())
    drawn = store.server_id
    store.close()
    again = open_store(url)
    assert again.get_run(run.id) == run
    assert again.server_id == drawn  # wherever it is served from
    again.close()
    another = open_store("sqlite://")
    assert another.server_id != drawn
    another.close()


def test_a_database_from_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "lab.sqlite"
    open_store(f"sqlite:///{path}").close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    before = path.read_bytes()
    with pytest.raises(
        NewerDatabase, match=r"newer version of HessianFree Lab .* '9999'\. Upgrade HessianFree Lab"
    ):
        open_store(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_sqlite_is_set_up_for_many_readers_and_one_writer(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/lab.sqlite")
    with engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "is not a database address"),
        ("cobol://x", "Nothing here can open"),
        ("sqlite:////nowhere/at/all/lab.sqlite", "cannot be opened: unable to open database file"),
    ],
)
def test_what_cannot_be_opened_is_said_in_a_sentence(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        open_store(url)
    assert isinstance(caught.value, LabError)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lab.sqlite"
    path.write_bytes(b"Dear diary, " * 1000)
    with pytest.raises(ConfigurationError, match="file is not a database"):
        open_store(f"sqlite:///{path}")


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/photos.sqlite")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE photos (id)"))
    with pytest.raises(ConfigurationError, match="is not one of HessianFree Lab: it has the table 'photos'"):
        open_store(f"sqlite:///{tmp_path}/photos.sqlite")
    assert inspect(engine).get_table_names() == ["photos"]
    engine.dispose()
