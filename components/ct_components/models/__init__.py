"""Models: built from a spec's dotted path, stored without code, loaded only from types that are trusted."""
