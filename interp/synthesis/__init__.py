"""Pictures made by optimisation: one loop, and the techniques that are a few lines each."""
