"""What bench/chain.py runs: a client, the servers, the rows and the table."""
