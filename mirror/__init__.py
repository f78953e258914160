"""Everything that touches the world: fetching, the archive, targets, pages, the command line."""

__version__ = "0.1.0"
