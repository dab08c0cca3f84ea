"""The calibration of the statistics: how often each decision is wrong where the truth is known.

===============  ==================================================================================
module           holds
===============  ==================================================================================
`cell`           a cell: what is drawn, how often, from which seed; rates with their intervals
`laws`           how rows are drawn when two models are equally good, or one is better
`naive`          what others do with the same rows
`comparisons`    the gate's limits, one by one and over a champion's thirty challenges
`gates`          the gate as a whole
`page`           the page's sections and text, and reading it back
===============  ==================================================================================
"""
