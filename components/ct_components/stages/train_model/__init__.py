"""The stage `train_model`: fits the challenger and registers it."""
