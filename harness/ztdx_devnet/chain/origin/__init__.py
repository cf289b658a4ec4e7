"""What a chain begins with: accounts, contracts, where they stand, the genesis block."""
