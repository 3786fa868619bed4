"""`python -m hessianfree_lab.cli`: the same command, for whoever knows the interpreter but not the script."""

from hessianfree_lab.cli.app import main

main()
