"""Saved views of the runs table."""

from fastapi import APIRouter, Response

from hessianfree_lab.api.dependencies import RequesterDep, StoreDep
from hessianfree_lab.api.wire_json import WireResponse, WireRoute
from hessianfree_lab.records import Page
from hessianfree_lab.records.table import NewView, View

router = APIRouter(prefix="/views", tags=["views"], route_class=WireRoute)


@router.get("", response_model=Page[View])
def views(store: StoreDep) -> WireResponse:
    """All of them, by name."""
    return WireResponse({"items": store.table.views(), "next_cursor": None})


@router.post("", status_code=201, response_model=View)
def save_view(view: NewView, store: StoreDep, requester: RequesterDep) -> WireResponse:
    """Keep a view; one of that name is replaced."""
    return WireResponse(store.table.save_view(view, created_by=requester), status_code=201)


@router.delete("/{view_id}", status_code=204)
def remove_view(view_id: str, store: StoreDep) -> Response:
    """Forget the view; nothing that it shows is changed."""
    store.table.remove_view(view_id)
    return Response(status_code=204)
