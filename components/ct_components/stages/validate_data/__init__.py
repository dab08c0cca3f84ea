"""Stage validate_data: profile the rows once, and stop the run when they are broken."""
