"""Operations on tensors, one a file, with one signature for the CPU and for CUDA.

Where the two differ, the ways stand beside each other in the function; no module above
asks on which device a tensor lies.
"""
