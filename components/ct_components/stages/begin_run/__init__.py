"""The stage `begin_run`: decides once what the whole run works on."""
