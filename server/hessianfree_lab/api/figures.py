"""Figures as Plotly JSON."""

from fastapi import APIRouter

router = APIRouter()
