"""Write the page and the picture."""

from docs.generators.results import write

if __name__ == "__main__":
    write()
