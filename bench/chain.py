"""The chain's figures: the same client against `devnet chain`, anvil and Hardhat, as one table.

    .venv/bin/python bench/chain.py [--only ours] [--rows reads,mine] [--json FILE]

anvil and Hardhat are measured when they are found: by `--anvil PATH` and `--hardhat DIR` (a folder
that Hardhat is installed in), in bench/peers, or, anvil only, on PATH. They are no dependencies.
To get them, with Node 22 or later:

    npm install --prefix bench/peers @foundry-rs/anvil hardhat

With an older Node, bring the new one first and let npm run on it, because npm leaves out Hardhat's
engine (an optional dependency) when the Node that runs npm is too old for it:

    npm install --prefix bench/peers node@22
    PATH="$PWD/bench/peers/node_modules/.bin:$PATH" \
        npm install --prefix bench/peers @foundry-rs/anvil hardhat

Every server runs in a process of its own, the client in this one. Run it on a quiet machine: a
client and a server together take two cores. Peers run without logging and with a block gas limit
that a thousand deposits fit in; all servers run the checked-in contracts. What takes a server
longer than 20 s is not measured, and the reason stands below the table.
"""

from __future__ import annotations

from chain.main import main

if __name__ == "__main__":
    main()
