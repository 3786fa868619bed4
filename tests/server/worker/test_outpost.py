"""What stands on a node for an agent on another machine."""

import threading

from hessianfree_lab.client.spool import RELAYED
from server.worker.runs import prepared
from system.launch import wait_until


def test_a_checkpoint_waits_until_the_agent_has_what_was_recorded(tmp_path):
    spool = prepared(tmp_path, problem="quadratic")
    writer = spool.writer()
    writer.append_note("one")
    spool.wait_until_relayed(60)  # the agent reads the same disk
    relayed = spool.directory / RELAYED
    relayed.write_text("0")
    keeping = threading.Thread(target=spool.wait_until_relayed, args=(60,))
    keeping.start()
    keeping.join(0.3)
    assert keeping.is_alive()
    relayed.write_text(str((spool.directory / "records.jsonl").stat().st_size))
    wait_until(lambda: not keeping.is_alive(), seconds=30, what="the checkpoint may be put")
    writer.close()
