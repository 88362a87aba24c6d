"""Imports everything once, then runs each program in a fork of itself: an interpreter as good as new, without the wait.

Started by `lifecycle_kit` with every warning an error and Python's development mode. A line of input is a program of
`lifecycle_programs.py`: its name, its arguments, its environment, the files for its output. The fork ends as any
interpreter does; its exit code is answered.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import sys
import warnings

IMPORTED = [
    "httpcore",
    "inference_do._transport.loops",
    "inference_do._transport.threads",
    "langchain_core.tracers.langchain",
    "langchain_do.chat_models",
    "llamaindex_do.llm",
]
"""What the first calls import, each fork anew if it is not here: half a second of the processor."""


def main() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the frameworks do while they are imported
        for module in IMPORTED:
            importlib.import_module(module)
        import lifecycle_programs
    gc.collect()
    gc.freeze()  # a collection in a fork would look at each of the frameworks' objects, and so copy them
    for line in sys.stdin:
        program, arguments, environment, *files = json.loads(line)
        if (child := os.fork()) == 0:
            logging.getLogger("asyncio").setLevel(logging.ERROR)  # -X dev reports slow steps
            for file, standard in zip(files, (1, 2), strict=True):
                os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), standard)
            os.environ.update(environment)
            print(json.dumps(getattr(lifecycle_programs, program)(*arguments)))
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
