"""Whole data sets: planned lazily, stylized in a pipeline or on Ray, resumed after any end."""
