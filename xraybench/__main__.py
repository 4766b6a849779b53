"""`python -m xraybench`: the command line."""

from xraybench.cli import main

main()
