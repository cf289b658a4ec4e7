"""The simulation kernel: actors, boundaries, virtual time, the kill -9 rule; and the world."""
