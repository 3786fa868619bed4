"""Pausing, changing, resuming and retrying a job from the command line."""

from pathlib import Path

from system.conftest import Machine
from system.launch import run, wait_until

JOB = """
problem: quadratic
optimizer: hessianfree
budget: {steps: 1000000}
"""


def test_a_running_job_is_paused_changed_resumed_and_retried(machine: Machine, tmp_path: Path) -> None:
    def command(*arguments: str | Path) -> str:
        ended = run(*arguments, environment=machine.environment)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def wait_for(state: str) -> None:
        wait_until(lambda: client.run(run_id).state == state, seconds=60, what=state)

    job = tmp_path / "job.yaml"
    job.write_text(JOB)
    run_id = command("submit", job).split()[0]
    with machine.client() as client:
        wait_for("running")
        assert "pause requested" in command("pause", run_id)
        wait_for("paused")
        assert "change 2 requested" in command("set", run_id, "damping=0.5", "budget.steps=3")
        assert "resume requested" in command("resume", run_id)
        wait_for("completed")
        assert client.controls(run_id)[1].settings == {"damping": 0.5, "budget": {"steps": 3}}
        assert "queued" in command("retry", run_id)
        wait_for("completed")
        assert [attempt.outcome for attempt in client.attempts(run_id)] == ["completed", "completed"]
    refused = run("set", run_id, "damping=0.5", environment=machine.environment)
    assert (refused.returncode, "completed" in refused.stderr) == (1, True)
    mistaken = run("set", run_id, "damping", environment=machine.environment)
    assert (mistaken.returncode, "'damping' must look like" in mistaken.stderr) == (2, True)
