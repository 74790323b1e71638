"""Trains networks: data sets, crops, losses, the loop, evaluation."""
