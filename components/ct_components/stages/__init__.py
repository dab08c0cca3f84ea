"""The stages: one folder each, independent of one another."""
