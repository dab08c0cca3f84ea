"""From a reason to one run: the door, its policy, the engines of runs, and what mends a crash."""
