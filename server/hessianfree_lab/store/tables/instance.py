"""The database itself."""

from sqlalchemy import Column, Named, Table, TypedColumns

from hessianfree_lab.store.tables.base import Id, metadata


class InstanceColumns(TypedColumns):
    """One row, made when a server first opens the database: it tells this database from every other one."""

    id: Named[str] = Column(Id, primary_key=True)


instance = Table("instance", metadata, InstanceColumns)
