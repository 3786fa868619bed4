"""What a resumed attempt has to tell the server, and to make again."""

from hessianfree_lab.client.spool import Spool
from hessianfree_lab.records import Applied, Assignment, CGTrace, Control, JobSpec, StepRecord
from hessianfree_lab.worker.resumption import Earlier, Resumption
from server.makers import NOON


def recorded(root, attempt, *entries, run="r"):
    """A spool of these steps (numbers) and acknowledgements (pairs of number and step)."""
    spool, lock = Spool.create(root, run=run, attempt=attempt)
    writer = spool.writer()
    for entry in entries:
        if isinstance(entry, int):
            writer.append(StepRecord(step=entry, metrics={"attempt": attempt}), CGTrace(step=entry))
        else:
            number, step = entry
            writer.append(Applied(number=number, step=step))
    lock.close()
    return spool


def assignment(attempt, last_step, *controls, since_attempt=1):
    """`controls`: pairs of number and the step at which it was made, None: not yet."""
    asked = [
        Control(number=number, kind="set", settings={"damping": number}, requested_at=NOON, step=step)
        for number, step in controls
    ]
    return Assignment(
        run="r", name="r", attempt=attempt, spec=JobSpec(problem="bowl"), since_attempt=since_attempt,
        last_step=last_step, controls=asked,
    )  # fmt: skip


def unsent(plan):
    """Numbers of steps and traces in the lines, and (number, step) of what was set."""
    found = []
    for line in plan.unsent:
        if line.startswith(b'{"step"'):
            found.append(int(line.split(b'"step":')[2].split(b",")[0]))
        elif line.startswith(b'{"applied"'):
            found.append(Applied.model_validate_json(line[len(b'{"applied":') : -2]).number * 100)
    return found


def test_steps_that_the_server_has_not_are_taken_over_with_their_traces(tmp_path):
    recorded(tmp_path, 1, *range(1, 11))
    job = assignment(2, 4)
    earlier = Earlier.read(tmp_path, job)
    assert earlier.unbroken_from(4) == 10
    plan = Resumption.plan(job, earlier, 8)
    assert unsent(plan) == [5, 6, 7, 8]
    assert sum(line.startswith(b'{"cg"') for line in plan.unsent) == 4


def test_a_gap_is_not_passed(tmp_path):
    recorded(tmp_path, 1, 1, 2, 3, 6, 7)
    earlier = Earlier.read(tmp_path, assignment(2, 2))
    assert earlier.unbroken_from(2) == 3
    assert Earlier.read(tmp_path, assignment(2, 4)).unbroken_from(4) == 4


def test_a_line_that_a_crash_has_cut_is_none(tmp_path):
    spool = recorded(tmp_path, 1, 1, 2, 3)
    path = spool.directory / "records.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]) + lines[-2][:30])
    assert Earlier.read(tmp_path, assignment(2, 0)).unbroken_from(0) == 2


def test_what_a_later_attempt_made_anew_counts(tmp_path):
    recorded(tmp_path, 1, *range(1, 9), (1, 6))
    recorded(tmp_path, 2, *range(5, 7))
    job = assignment(3, 3, (1, None))
    earlier = Earlier.read(tmp_path, job)
    assert earlier.unbroken_from(3) == 6
    plan = Resumption.plan(job, earlier, 6)
    assert [b'"attempt":2' in line for line in plan.unsent if line.startswith(b'{"step"')] == [
        False,
        True,
        True,
    ]
    assert [control.number for control in plan.pending] == [1]


def test_other_runs_and_attempts_before_a_restart_do_not_count(tmp_path):
    recorded(tmp_path, 1, *range(1, 9))
    recorded(tmp_path, 2, *range(1, 9), run="other")
    assert Earlier.read(tmp_path, assignment(3, 0, since_attempt=2)).steps == {}


def test_what_was_set_is_made_again_after_its_step_or_is_in_the_checkpoint(tmp_path):
    job = assignment(2, 20, (1, 4), (2, 10), (3, 10), (4, 15), (5, None))
    plan = Resumption.plan(job, Earlier.read(tmp_path, job), 10)
    assert {step: [c.number for c in made] for step, made in plan.repeated.items()} == {10: [2, 3], 15: [4]}
    assert [control.number for control in plan.pending] == [5]


def test_what_was_set_unheard_is_told_and_not_made_twice(tmp_path):
    recorded(tmp_path, 1, 1, 2, (1, 2), 3, (2, 3), 4, 5, (3, 5), 6)
    job = assignment(2, 2, (1, None), (2, None), (3, None))
    plan = Resumption.plan(job, Earlier.read(tmp_path, job), 5)
    assert unsent(plan) == [100, 3, 200, 4, 5]
    assert [control.number for control in plan.pending] == [3]  # it was set after the checkpoint
