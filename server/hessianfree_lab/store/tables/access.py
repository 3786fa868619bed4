"""Who may come in."""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Named, String, Table, TypedColumns

from hessianfree_lab.store.columns import UtcDateTime
from hessianfree_lab.store.tables.base import Id, metadata


class TokenColumns(TypedColumns):
    """Who may come in. Of the token itself only its SHA-256 is kept."""

    id = Column(Id, primary_key=True)
    name = Column(String(200), nullable=False)
    role = Column(String(16), nullable=False)  # read | write | worker
    digest = Column(String(64), nullable=False, index=True, unique=True)
    created_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    expires_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    used_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)
    revoked_at: Named[datetime | None] = Column(UtcDateTime, nullable=True)


tokens = Table("tokens", metadata, TokenColumns)


class SessionColumns(TypedColumns):
    """A browser that has signed in. `token_id` NULL: with the token of the settings."""

    digest = Column(String(64), primary_key=True)
    token_id = Column(Id, ForeignKey("tokens.id", ondelete="CASCADE"), nullable=True)
    created_at: Named[datetime] = Column(UtcDateTime, nullable=False)
    expires_at: Named[datetime] = Column(UtcDateTime, nullable=False)


sessions = Table("sessions", metadata, SessionColumns)
