"""The stage `notify`: the exit task that closes the run."""
