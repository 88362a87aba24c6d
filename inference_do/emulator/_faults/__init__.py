"""The faults as a mechanism: how they change a response, and how its bytes travel.

`content.py` changes what a response is, `delivery.py` how it travels, and `steps.py` turns both into what a connection
does. The room knows HTTP/1.1 and no model; what a test writes is in `faults.py`.
"""
