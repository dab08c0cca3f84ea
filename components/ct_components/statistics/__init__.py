"""Decisions as pure functions on arrays: no file, no clock, no client, the same answer every time.

Three rooms decide, each with its settings, its evidence, its checks and its sentences:

===============  =================================================================================
room             answers
===============  =================================================================================
`drift`          has the world changed since the champion was trained, or are the data broken?
`performance`    is the champion proven too bad?
`gate`           is the challenger proven better: promote, hold, reject or insufficient?
===============  =================================================================================

The gate's own modules lie here: `settings`, `evidence`, `checks`, `explain`, and `gate` itself.

They share what they count with:

===============  =================================================================================
module           answers
===============  =================================================================================
`metrics`        what is measured of a model, and which way is better?
`comparison`     which of two models is better on the same rows, by how much, and how sure?
`estimate`       how large is a number, and how sure when rows of one day resemble each other?
`unequal`        what is the law of such a number when days are of unequal weight?
`sequential`     how much alpha may the k-th challenge of a champion spend?
`policy`         which of several checks decides?
`roc`, `ranks`   how well does a score rank, row by row and as a curve?
`arrays`         are these labels, scores and clusters fit to be counted?
`student`        Student's t distribution
`moments`        how widely do values vary?
===============  =================================================================================

Every alpha is one-sided. How often each decision is wrong is in docs/reference/calibration.md.
"""
