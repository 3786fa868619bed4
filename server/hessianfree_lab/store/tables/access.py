"""Who may come in."""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Named, Table, TypedColumns

from hessianfree_lab.store.columns import UtcDateTime, Words
from hessianfree_lab.store.tables.base import Id, metadata


class TokenColumns(TypedColumns):
    """Who may come in. Of the token itself only its SHA-256 is kept."""

    id: Named[str] = Column(Id, primary_key=True)
    name: Named[str] = Column(Words(200), nullable=False)
    role: Named[str] = Column(Words(16), nullable=False)  # read | write | worker
    digest: Named[str] = Column(Words(64), nullable=False, index=True, unique=True)
    created_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    expires_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    used_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    revoked_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)


tokens = Table("tokens", metadata, TokenColumns)


class SessionColumns(TypedColumns):
    """A browser that has signed in. `token_id` NULL: with the token of the settings."""

    digest: Named[str] = Column(Words(64), primary_key=True)
    token_id: Named[str | None] = Column(Id, ForeignKey("tokens.id", ondelete="CASCADE"), nullable=True)
    created_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    expires_at: Named[datetime] = Column(UtcDateTime, nullable=False)


sessions = Table("sessions", metadata, SessionColumns)
