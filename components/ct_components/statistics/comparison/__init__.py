"""Two models on the same rows: which one is better, by how much, and how sure.

==============  ==================================================================================
module          answers
==============  ==================================================================================
`mcnemar`       is one classifier right more often?
`tango`         by how much is it more accurate?
`cells`         how much does any metric of two classes' decisions gain?
`delong`        how much does the ROC AUC gain?
`blocks`        which rows are resampled together?
`bootstrap`     how much does any metric gain that follows from sums over rows?
`generic`       how much does any metric gain at all?
==============  ==================================================================================

Rows are taken to be independent; where `cells` and `blocks` take clusters, only these are.
"""
