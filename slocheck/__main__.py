"""`python -m slocheck`."""

from slocheck.cli.entry import main

if __name__ == "__main__":
    main()
