"""HessianFree Lab: a self-hosted service around the `hessianfree` optimizer.

Server, worker, client and command line live in subpackages that import each other only along the arrows of
docs/architecture.md; this module imports none of them.
"""

from hessianfree_lab.version import __version__

__all__ = ["__version__"]
