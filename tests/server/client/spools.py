"""Writing into spools, and all that comes out of them."""

from hessianfree_lab.client.extents import next_extent
from hessianfree_lab.client.spool import Position
from hessianfree_lab.records import StepRecord


def append(spool, *steps, **metrics):
    writer = spool.writer()
    for step in steps:
        writer.append(StepRecord(step=step, metrics=metrics))
    writer.close()


def everything(spool, start=Position(), **options):
    """All extents from `start` on."""
    extents = []
    while (extent := next_extent(spool, start, **options)) is not None:
        extents.append(extent)
        start = extent.end
    return extents


def steps_of(extents):
    return [record.step for extent in extents for record in extent.batch.steps]


def texts_of(extents):
    return [line.text for extent in extents for line in extent.batch.logs]


def write(spool, stream, data):
    with (spool.directory / f"{stream}.log").open("ab") as file:
        file.write(data)
