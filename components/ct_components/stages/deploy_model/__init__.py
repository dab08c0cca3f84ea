"""The stage `deploy_model`: the new champion is served, or the old one goes on."""
