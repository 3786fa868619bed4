"""The `hessianfree` command: one file a verb.

Nothing heavy is imported before a verb runs: `hessianfree --help` must answer at once, and the process that serves
must never meet torch.
"""

from hessianfree_lab.cli.app import main

__all__ = ["main"]
