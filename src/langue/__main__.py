"""`python -m langue` and `torchrun -m langue`: the command line."""

from langue.entry import main

main()
