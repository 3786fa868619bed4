"""Ids sort by age."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from hessianfree_lab.store.ids import IdFactory


def test_ids_are_uuids_of_version_7_with_the_time_in_front() -> None:
    before = time.time_ns() // 1_000_000
    made = UUID(IdFactory()())
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before <= made.int >> 80 <= after


def test_ids_grow_however_fast_they_are_made() -> None:
    make = IdFactory()
    ids = [make() for _ in range(5_000)]
    assert ids == sorted(set(ids))


def test_threads_never_share_an_id() -> None:
    make = IdFactory()
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(lambda _: make(), range(4_000)))
    assert len(set(ids)) == len(ids)
