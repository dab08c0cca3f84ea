"""The stages of continuous training, and the rooms that they share."""

__version__ = "0.1.0"
