"""The wires: how a canonical request becomes a path and a body, and how a body or events become canonical again.

The canonical form is that of chat completions. A wire has no state but that of one stream, does no I/O and knows no
HTTP library; retries, deadlines, SSE and completeness are the protocol's.
"""
