"""Pipeline definitions, compilation, local runs and the command line."""
