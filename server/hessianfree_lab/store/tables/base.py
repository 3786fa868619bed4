"""What all tables share."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData

from hessianfree_lab.store.columns import Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

Id = Words(36)
# SQLite counts rows in INTEGER PRIMARY KEY alone.
RowId = BigInteger().with_variant(Integer(), "sqlite")


def run_id_column() -> Column[str]:
    return Column(Id, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
