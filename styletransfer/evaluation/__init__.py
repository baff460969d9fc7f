"""Figures of a model on photographs that it never saw: the losses, and what they do not see."""
