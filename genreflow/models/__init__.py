"""Networks and estimators behind one registry; each entry states the input that the model takes."""
