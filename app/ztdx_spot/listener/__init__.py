"""The listener: tails the vault's SpotDeposit events and credits the confirmed ones."""
