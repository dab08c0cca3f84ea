"""Stage detect_drift: have rows drifted from a reference profile? Usable in any pipeline."""
