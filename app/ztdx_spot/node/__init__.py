"""The node as the listener sees it: batches of calls, and what counts as an answer to one."""
