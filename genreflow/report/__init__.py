"""Tables and figures to pages that a person reads."""
