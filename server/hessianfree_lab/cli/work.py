"""`hessianfree work`: one worker."""

from hessianfree_lab.cli import options


def work(
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
    slots: options.Slots = 1,
    name: options.WorkerName = None,
    data_dir: options.DataDir = None,
    until_stdin_closes: options.UntilStdinCloses = False,
) -> None:
    """Run a worker, which trains jobs.

    It claims jobs from the server and trains each in a process of its own. It may start before
    the server does, and outlives the server's restarts.
    """
    from hessianfree_lab.cli.configuration import read_settings, server_url
    from hessianfree_lab.cli.signals import stop_when_stdin_closes
    from hessianfree_lab.credentials import read_token
    from hessianfree_lab.worker.agent import Agent

    agent = Agent(
        server_url(server),
        read_token(token, token_file),
        slots=slots,
        name=name,
        data_dir=read_settings(data_dir=data_dir).data_dir,
    )
    if until_stdin_closes:
        stop_when_stdin_closes()
    agent.run()
