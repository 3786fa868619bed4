"""What a reader of the dashboard wants to come back to."""

from datetime import datetime

from sqlalchemy import Column, Named, Table, TypedColumns

from hessianfree_lab.store.columns import Prose, UtcDateTime, Words
from hessianfree_lab.store.tables.base import Id, metadata


class ViewColumns(TypedColumns):
    """A saved view of the runs table: the query of its address, by name."""

    id: Named[str] = Column(Id, primary_key=True)
    name: Named[str] = Column(Words(200), nullable=False, unique=True)
    query: Named[str] = Column(Prose, nullable=False)
    created_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    created_by: Named[str | None] = Column(Words(200), nullable=True)  # the token's name


views = Table("views", metadata, ViewColumns)
