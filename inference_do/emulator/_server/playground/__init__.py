"""The playground: a page at `/` with a chat, and what it shows and sets by its control API at `/_playground/`.

* `page/`: the page's files, as a browser gets them.
* `endpoint.py`: who may ask, and the routes.
* `journal.py`: the latest requests with their responses, which the page lists; `masks.py` takes keys out of them.
* `fault_forms.py`: the faults as forms that a page can show, and back.
"""
