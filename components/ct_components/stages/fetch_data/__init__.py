"""Stage fetch_data: the rows of the training window and of the holdout, each as one dataset."""
