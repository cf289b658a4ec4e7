"""The methods, one module a family. Importing this package fills the table."""

from ztdx_devnet.chain.rpc.methods import (  # noqa: F401
    blocks,
    control,
    execution,
    faults,
    fees,
    filters,
    identity,
    logs,
    pool,
    reorgs,
    sending,
    state,
    subscriptions,
)
