"""The command line: each command parses, calls the library and prints. Nothing imports this package."""
