"""Pictures that do not fit in memory: the same result, band by band."""
