"""What a dataset is like before anything is trained: its tags, its sounds, and what tells one tag from another."""
