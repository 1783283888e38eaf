"""The synthetic corpus: five sub-genres of psychedelic trance, made from scratch."""
