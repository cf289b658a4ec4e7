"""JSON-RPC over the chain: parameters, methods, shapes of answers, batches."""

from ztdx_devnet.chain.rpc import methods as methods  # fills the method table
