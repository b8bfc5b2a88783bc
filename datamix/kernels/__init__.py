"""The hot loops: Arrow buffers in, numpy arrays out, compiled by numba."""
