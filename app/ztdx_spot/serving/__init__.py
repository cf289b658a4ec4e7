"""Serving: HTTP and WebSocket on one port, with bounds on what clients can make the server keep."""
