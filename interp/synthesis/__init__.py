"""Pictures made by optimization: one loop, and the techniques that are a few lines each."""
