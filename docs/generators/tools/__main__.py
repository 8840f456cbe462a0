"""Write the page."""

from docs.generators.tools import write

if __name__ == "__main__":
    write()
