"""Looks: has the world drifted from what the champion learned, and does the champion still perform?

A look reads, decides, and says so in a page and a report; publishing, recording and sending are steps of
their own, so that a look can be taken without consequence. Stages and command line share these modules.
"""
