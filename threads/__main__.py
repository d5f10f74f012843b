"""`python -m threads`: the command line."""

from threads.cli import main

if __name__ == "__main__":
    main()
