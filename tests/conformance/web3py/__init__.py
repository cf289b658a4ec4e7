"""The integration tests that web3.py ships, on our server and on our in-process providers."""
