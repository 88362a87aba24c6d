"""The server: HTTP, the API's routes and checks, and the bodies and events of its wires.

A wire turns a request into a canonical chat request; the pretend model, or a scripted answer, gives an `Answer`, of
which `completion.py` makes a `Completion`; and the wire turns that into a body or events. `chat/` is the wire of chat
completions, whose form is the canonical one. The server knows the model and the faults; neither knows the server.
"""
