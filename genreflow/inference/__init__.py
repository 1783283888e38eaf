"""Inference: finding files, predictions of a trained model, calibration and explanations."""
