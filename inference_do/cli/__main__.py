"""`python -m inference_do.cli`: the same as `inference-do`."""

from . import main

if __name__ == "__main__":
    main()
