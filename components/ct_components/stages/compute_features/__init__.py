"""The stage `compute_features`: from raw rows to what the estimator learns from."""
