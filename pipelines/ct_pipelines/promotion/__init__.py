"""People's part of promotion: promote what waits, roll back, ask who was champion when.

None of it needs KFP, nor the pipeline or its code: only MLflow, and the ledger where there is one.
"""
