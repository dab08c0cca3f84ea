"""Words that several rooms must spell alike."""

REASONS = ("schedule", "drift", "performance", "manual")
"""Why a trigger decides to train."""

PROMOTED, RETAINED, FAILED = "promoted", "retained", "failed"
"""What came of a run: a new champion, the old one kept, or neither because a stage failed."""
