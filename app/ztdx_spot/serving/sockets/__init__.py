"""Client sockets: who gets one, what waits for each, the tail that feeds them, their end."""
