"""`python -m perflib` is the command `perflib`."""

from perflib.cli import main

if __name__ == "__main__":
    main()
