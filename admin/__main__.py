"""`python -m admin` is `recado`."""

from admin.cli import main

if __name__ == "__main__":
    main()
