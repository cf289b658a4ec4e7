"""Real time: the chain behind sockets, on the wall clock."""
