"""Whether the data have drifted, decided from counts: the same answer every time.

======================  ==========================================================================
module                  answers
======================  ==========================================================================
`bins`                  how are a feature's rows counted, and where does the unknown go?
`divergence`            how far do two distributions lie apart?
`kolmogorov_smirnov`    and how far do their distribution functions?
`null`                  what would chance alone show, if rows are independent?
`days`                  and if rows of one day resemble each other?
`multiple`              which of many p-values count?
`diagnosis`             has the world changed, or have the data been broken on the way?
`looks`                 which looks count, and how many false alarms a month are to be expected?
`settings`              the settings of drift, its verdicts and its reasons
`evidence`              everything that the checks look at, computed once
`checks`                one small callable for each reason to decide
`detect`                drift, no drift, insufficient or broken?
======================  ==========================================================================
"""
