"""`python -m ztdx_devnet` is `devnet`."""

from ztdx_devnet.cli import main

main()
