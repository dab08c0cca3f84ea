"""The stage `evaluate_challenger`: champion and challenger on the same unseen rows."""
