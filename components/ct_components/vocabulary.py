"""Words that several rooms must spell alike."""

REASONS = ("schedule", "drift", "performance", "manual")
"""Why a trigger decides to train."""

THREADS = {"GOMP_SPINCOUNT": "1000"}
"""How long OpenMP's threads spin before they sleep, while they wait for one another.

By default they spin for milliseconds, and where another process is busy on the same cores, each waits for
one that does not run: two fits of 82,000 rows at once on two cores took 46 s each, against 2.9 s with this.
Alone, a fit takes 1.5 s with this, 1.1 s by default, and 3.6 s or more where threads hardly spin at all.
"""

PROMOTED, RETAINED, FAILED = "promoted", "retained", "failed"
"""What came of a run: a new champion, the old one kept, or neither because a stage failed."""

DUPLICATE = "duplicate"
"""What came of a run whose key another run held."""
