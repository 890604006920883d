"""`python -m langue` and `torchrun -m langue`: the command line."""

from langue.cli import main

main()
