"""A new head from what people corrected, on the network as it is: reviews in, a candidate out."""
