"""Adversarial examples: changes too small to see that change what a classifier sees."""
