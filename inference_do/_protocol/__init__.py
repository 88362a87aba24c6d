"""A call without I/O: what is sent, when it is sent again, what counts as an answer. No HTTP library is known here."""
