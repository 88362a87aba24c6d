"""An emulator in a process of its own, so that what is measured elsewhere is the client alone.

The first line of its input is the emulator's options, pickled, in hexadecimal; it answers with its base URL. It answers
every other line with its counters, after forgetting them if the line says so, and ends when its input does.
"""

from __future__ import annotations

import json
import pickle
import resource
import sys

from inference_do.emulator import Emulator


def main() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
    with Emulator(**pickle.loads(bytes.fromhex(sys.stdin.readline()))) as emulator:
        print(emulator.base_url, flush=True)
        for line in sys.stdin:
            if line == "reset\n":
                emulator.reset()
            print(
                json.dumps(
                    {
                        "posts": emulator.posts,
                        "connections": emulator.connections,
                        "open": emulator.open_connections,
                        "disconnects": len(emulator.disconnects),
                        "used": [request.connection for request in emulator.requests],
                    }
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
