"""From transactions to blocks: admission, pool, builder, and what a reorg does."""
