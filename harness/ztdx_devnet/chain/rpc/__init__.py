"""JSON-RPC over a view: shapes, methods, and the endpoint that turns bytes into bytes."""
