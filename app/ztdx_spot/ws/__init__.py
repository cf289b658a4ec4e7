"""Push: who hears of which change of a balance. Plain objects; sockets are the server's."""
