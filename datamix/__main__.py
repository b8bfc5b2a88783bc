"""`python -m datamix`."""

from datamix.cli import main

if __name__ == "__main__":
    main()
