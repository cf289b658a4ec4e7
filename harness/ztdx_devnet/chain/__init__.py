"""The chain: our own block tree and block builder; py-evm only executes transactions.

Knows nothing of the simulator, the product or scenarios.
"""

from ztdx_devnet.chain import keccak as keccak  # first: it chooses the hash backend for eth_hash
