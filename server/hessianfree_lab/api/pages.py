"""The dashboard's pages."""

from fastapi import APIRouter

router = APIRouter()
