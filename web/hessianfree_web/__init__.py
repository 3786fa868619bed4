"""The dashboard's assets: Jinja templates, ES modules, style sheets. No build step, nothing fetched from outside."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
"""Served under /static/."""

TEMPLATES = Path(__file__).parent / "templates"
"""Rendered by hessianfree_lab.api.pages."""
