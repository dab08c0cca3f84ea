"""Stage monitor_drift: has the current window drifted from what the champion learned?"""
