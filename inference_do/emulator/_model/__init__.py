"""The pretend model: what an answer says, made by plain rules from a canonical chat request alone.

A canonical request is the body of a valid chat completions request. The room knows no HTTP and no wire. `model.py` has
the order of the rules; the rules are about text in general and hold no sentence of any framework.
"""
