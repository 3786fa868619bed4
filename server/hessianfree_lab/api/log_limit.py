"""How many log lines of an attempt are kept."""

from hessianfree_lab.records import IngestBatch, LogLine


def within_limit(batch: IngestBatch, most: int) -> IngestBatch:
    """The batch without lines beyond the first `most` of its attempt; in their place one line that says so.

    Lines are numbered from 0 within an attempt, so that the notice has the number of the first line that is missing:
    however often and in whatever pieces they come, it is stored once.
    """
    beyond = [line for line in batch.logs if line.number >= most]
    if not beyond:
        return batch
    text = f"What this attempt printed after its first {most:,} lines is not kept."
    notice = LogLine(number=most, time=beyond[0].time, stream="worker", text=text)
    kept = [line for line in batch.logs if line.number < most]
    return batch.model_copy(update={"logs": [*kept, notice]})
