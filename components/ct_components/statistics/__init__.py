"""Decisions as pure functions on arrays: no file, no clock, no client, the same answer every time.

==============  ==================================================================================
module          answers
==============  ==================================================================================
`arrays`        are these labels, scores and clusters fit to be counted?
`roc`           how well does a score rank, row by row and as a curve?
`student`       Student's t distribution
`estimate`      how large is a gain, and how sure is it when rows of one day resemble each other?
`moments`       how widely do values vary?
`sequential`    how much alpha may the k-th challenge of a champion spend?
`settings`      the gate's settings, its verdicts and its reasons
`evidence`      everything that the checks look at, computed once
`checks`        one small callable for each reason to decide
`gate`          promote, hold, reject or insufficient?
==============  ==================================================================================

Every alpha is one-sided.
"""
