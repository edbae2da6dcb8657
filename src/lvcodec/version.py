"""The version, where nothing else has to be imported to know it. CONTRIBUTING.md says when it changes."""

__version__ = "0.1.0"
