"""The models of each study, described without torch."""
